// Keys of the workbench: j and k move in the list, Enter opens, a digit or letter presses the button that names it.
// Silent in fields, with modifiers, and when turned off in the user's menu (WCAG 2.1.4). Pages work without this file.
"use strict";
(() => {
  const OFF = "saldo-keys-off";
  const isOff = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  const links = () => [...document.querySelectorAll(".worklist .row-link")];

  function show() {
    for (const state of document.querySelectorAll("[data-keys-state]")) state.textContent = isOff() ? state.dataset.off : state.dataset.on;
  }

  function move(step) {
    const all = links();
    if (!all.length) return;
    const focused = all.indexOf(document.activeElement);
    const at = focused >= 0 ? focused : all.findIndex((link) => link.hasAttribute("aria-current")) - (step < 0 ? 0 : step > 0 && document.querySelector(".panes.is-open") ? 0 : 1);
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function choose(link) {
    for (const other of links()) {
      other.removeAttribute("aria-current");
      other.closest("tr").classList.remove("chosen");
    }
    link.setAttribute("aria-current", "true");
    link.closest("tr").classList.add("chosen");
    document.querySelector(".panes")?.classList.add("is-open");
  }

  function press(key) {
    for (const target of document.querySelectorAll("[aria-keyshortcuts]")) {
      if (target.getAttribute("aria-keyshortcuts") !== key || target.getAttribute("aria-disabled") === "true") continue;
      if (target.matches("input")) target.focus();
      else target.click();
      return true;
    }
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if (isOff() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (!/^[a-z0-9/]$/.test(event.key) || !press(event.key)) return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-switch]")) {
      try { localStorage.setItem(OFF, isOff() ? "0" : "1"); } catch { /* no storage: they stay on */ }
      show();
    }
    const link = event.target.closest(".worklist .row-link[hx-get]");
    if (link) choose(link);
  });
  show();
})();
