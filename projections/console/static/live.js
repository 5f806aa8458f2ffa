// New rows without a reload. The server says when the read side has moved; the page is asked anew and what it marks as
// data-live takes the place of what stands there. Nothing moves under a hand: where somebody points, writes or has the
// focus, a line says how many are new and waits to be pressed. Pages work without this file.
"use strict";
(() => {
  const root = document.body.dataset.liveRoot;
  if (!root || !("EventSource" in window) || !document.querySelector("[data-live]")) return;
  let source = null;
  let asked = 0;
  // What each region was made of, before other scripts touched it.
  const made = new WeakMap();
  for (const region of document.querySelectorAll("[data-live]")) made.set(region, region.innerHTML);

  const keys = (region) => new Set([...region.querySelectorAll("a[href]")].map((link) => link.getAttribute("href")));
  const isWritten = (region) => [...region.querySelectorAll("input, textarea, select")].some((field) => field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : "defaultValue" in field && field.value !== field.defaultValue);
  const isBusy = (region) => region.contains(document.activeElement) || region.matches(":hover") || isWritten(region);

  function take(region, next) {
    region.replaceWith(next);
    if (window.htmx) window.htmx.process(next);
  }

  function offer(region, next, count) {
    const bar = document.createElement("button");
    bar.type = "button";
    bar.className = "button live-bar";
    bar.textContent = count ? document.body.dataset.liveNew.replace("{n}", count) : document.body.dataset.liveFigures;
    bar.addEventListener("click", () => { bar.remove(); take(region, next); });
    document.querySelector(`[data-live-bar="${region.dataset.live}"]`)?.remove();
    bar.dataset.liveBar = region.dataset.live;
    bar.setAttribute("role", "status");
    region.before(bar);
  }

  async function look() {
    const turn = ++asked;
    let text;
    try {
      const answer = await fetch(location.href);
      if (!answer.ok || answer.redirected) return;
      text = await answer.text();
    } catch { return; }
    if (turn !== asked) return;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const region of document.querySelectorAll("[data-live]")) {
      const next = fresh.querySelector(`[data-live="${region.dataset.live}"]`);
      if (!next || next.innerHTML === made.get(region)) continue;
      const was = keys(region);
      const count = [...keys(next)].filter((key) => !was.has(key)).length;
      const adopted = document.importNode(next, true);
      made.set(adopted, next.innerHTML);
      if (isBusy(region)) offer(region, adopted, count);
      else take(region, adopted);
    }
  }

  function listen() {
    source ??= new EventSource(`${root}/live`);
    source.addEventListener("moved", look);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; }
    else { listen(); look(); }
  });
  window.addEventListener("pagehide", () => { source?.close(); source = null; });
  listen();
})();
