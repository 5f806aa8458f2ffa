"""The sandbox's whole account behind its HTTP face: books, vault, tokens, and the clock that drives them.

Everything that happens by itself (settlement, ACH, recurring runs) happens in the order of its instants, when
the next request comes in; so moving the clock by a month plays that month.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from typing import Final

from infra.sandboxes.common.books import MICROS, SKEW_US
from infra.sandboxes.paytrace.bank_books import BankBooks, DebitRequest
from infra.sandboxes.paytrace.card_books import CardBooks, ChargeRequest
from infra.sandboxes.paytrace.faults import Faults
from infra.sandboxes.paytrace.rows import RowWriter
from infra.sandboxes.paytrace.settings import SandboxSettings
from infra.sandboxes.paytrace.store import Store
from infra.sandboxes.paytrace.vault import Vault, stored_card

# Looking at the due dates is three index reads; once a second is enough, since cut-offs are minutes.
_LOOK_EVERY_US: Final = MICROS


class Merchant:
    """One pretended PayTrace account."""

    def __init__(self, settings: SandboxSettings, faults: Faults | None = None) -> None:
        self.settings = settings
        self.faults = faults or Faults()
        self.store = Store(settings)
        self.cards = CardBooks(self.store, settings.username)
        self.bank = BankBooks(self.store)
        self.vault = Vault(self.store)
        self.rows = RowWriter(settings, self.faults)
        self._tokens: dict[str, tuple[str, int]] = {
            row["value"]: (row["api"], row["expires_at"]) for row in self.store.rows("SELECT * FROM token")
        }
        self._looked_at_us = 0
        secret = self.store.read_meta("card_secret", "")
        if not secret:
            secret = secrets.token_hex(32)
            self.store.write_meta("card_secret", secret)
        self.card_secret = bytes.fromhex(secret)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    # --- tokens

    def issue_token(self, api: str) -> tuple[str, int]:
        """Return a new token of one API version and its life in seconds."""
        life_s = self.settings.token_life_s if api == "v1" else self.settings.v3_token_life_s
        token = ":".join(secrets.token_hex(part) for part in (16, 16, 32))
        now_us = self._tokens_now_us()
        expires_at = now_us + life_s * MICROS
        with self.store.transaction() as db:
            db.execute("DELETE FROM token WHERE expires_at < ?", (now_us,))
            db.execute("INSERT INTO token VALUES (?, ?, ?)", (token, api, expires_at))
        self._tokens[token] = (api, expires_at)
        return token, life_s

    def accepts_token(self, authorization: str, api: str) -> bool:
        """Return whether an Authorization header carries a token of this API version that is still good."""
        scheme, _, token = authorization.partition(" ")
        issued, expires_at = self._tokens.get(token.strip(), ("", 0))
        return scheme.lower() == "bearer" and issued == api and self._tokens_now_us() < expires_at

    def _tokens_now_us(self) -> int:
        """Return the clock of log-ins, which the fault clock_skew leaves alone: it may concern charges only."""
        return self.store.now_us() - SKEW_US.get()

    def expire_tokens(self) -> None:
        """Make every token invalid at once."""
        with self.store.transaction() as db:
            db.execute("DELETE FROM token")
        self._tokens.clear()

    # --- time

    def catch_up(self, *, at_once: bool = False) -> None:
        """Let everything happen that is due by now, in the order of its instants."""
        now_us = self.store.now_us()
        if not at_once and 0 <= now_us - self._looked_at_us < _LOOK_EVERY_US:
            return
        self._looked_at_us = now_us
        events: tuple[tuple[Callable[[], int | None], Callable[[int], object]], ...] = (
            (self.cards.next_settlement_us, self.settle),
            (self.bank.next_due_us, self.bank.advance),
            (self.vault.next_due_us, lambda at_us: self.vault.run_due(at_us, self._charge_recurring(at_us))),
        )
        while True:
            due = [(at_us, index) for index, (when, _) in enumerate(events) if (at_us := when()) is not None]
            if not due or min(due)[0] > now_us:
                return
            at_us, index = min(due)
            events[index][1](at_us)

    def settle(self, at_us: int) -> sqlite3.Row | None:
        """Close the open batch; its number is that of the batch before while that fault is on."""
        return self.cards.settle(at_us, repeats_number=self.faults.strikes("batch_number_repeats", "/") is not None)

    def _charge_recurring(self, at_us: int) -> Callable[[sqlite3.Row], None]:
        def charge(row: sqlite3.Row) -> None:
            customer = self.vault.find(row["customer_id"])
            if customer is None:
                return
            if row["pays_by"] == "A":
                self.bank.debit(
                    DebitRequest(
                        api=row["api"],
                        kind="SALE",
                        amount_minor=row["amount_minor"],
                        last_four=customer["bank_last_four"],
                        customer_id=row["customer_id"],
                        description=row["description"],
                        entry_class="PPD" if row["api"] == "v3" else "",
                    ),
                    at_us=at_us,
                )
                return
            self.cards.charge(
                ChargeRequest(
                    kind="SALE" if row["transaction_type"] == "Sale" else "AUTHORIZATION",
                    amount_minor=row["amount_minor"],
                    card=stored_card(customer),
                    customer_id=row["customer_id"],
                    fields={"description": row["description"]},
                    through="Recurring",
                    recurrence_id=row["id"],
                ),
                at_us=at_us,
            )

        return charge
