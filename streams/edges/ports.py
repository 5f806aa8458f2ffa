"""What agents and runners ask of the edges. A connector satisfies these by its shape; bootstrap puts them together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Protocol

from schemas.records import Record
from schemas.records.alerts import NotificationRefused, NotificationSent, SendNotification
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerChanged, VaultCustomerNotChanged
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    RequestGatewayCall,
)
from schemas.records.orders import OrderHinted, ShopWriteRefused, ShopWritten, WriteToShop
from schemas.records.payments import ObservedBy, TransactionObserved

Observation = tuple[str, tuple[Record, ...]]


class Ledger(Protocol):
    """The ERP's books, as the posting agent sees them."""

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """Make the ERP hold this document exactly once, looking up before and after; the same outcome each time.

        Raises: Delayed, Transient, Unavailable, Unreadable, ContractBroken of schemas.failures.
        """
        ...


class Gateway(Protocol):
    """The payment gateway, as the agent sees it that carries out payment requests."""

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        """Look at the gateway before a call, so that its effect is distinguished from what was there before.

        Raises: Transient, Unavailable, Unreadable, ContractBroken of schemas.failures.
        """
        ...

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        """Make the gateway hold the effect of this call once; what can't be proved or repeated is left to a person.

        Shapes: taken are transactions that other calls on the same subject brought about.
        Raises: as begin. Delayed while it may still show; Transient parks the call: nobody but a person can tell
                whether it was made.
        """
        ...


class Notifier(Protocol):
    """A way by which people are told of alerts, as the agents see it that send messages."""

    async def send(self, command: SendNotification) -> NotificationSent | NotificationRefused:
        """Send this message, under a name that is the same at each attempt.

        Raises: Delayed, Unavailable, ContractBroken of schemas.failures.
        """
        ...


class WindowSource(Protocol):
    """An outside system that can only be asked for a window of days."""

    name: str

    def window(self, now: datetime) -> tuple[date, date]:
        """Return the days worth asking for at this moment, first and last."""
        ...

    def poll(self, since: date, until: date) -> AsyncIterator[Observation]:
        """Yield everything it shows for these days: subject and records."""
        ...


class GatewayReader(Protocol):
    """The payment gateway, as the ingress sees it: its rows are read here, and hints are settled by asking it."""

    @property
    def hook_type(self) -> str:
        """The type that a hook's message must name."""
        ...

    def read_hook(self, body: bytes, observed_at: datetime) -> tuple[TransactionObserved, ...]:
        """Return the rows that a signed hook carries, read as the poll reads them, so that both are one fact.

        Raises: Unreadable when a row can't be read in full; its `field_name`, where it has one, says which field.
        """
        ...

    def named_in(self, silent_post: bytes) -> str | None:
        """Return the transaction that a Silent Post hints at; None when it is about a customer. Raises Unreadable."""
        ...

    async def look_up(self, transaction_id: str, observed_by: ObservedBy) -> tuple[TransactionObserved, ...]:
        """Return what the gateway itself says of a transaction.

        () when it knows none. Raises leaves of schemas.failures.
        """
        ...


class VaultWriter(Protocol):
    """The vaults of all merchant accounts, as the agent sees them that writes values of customers."""

    async def change(self, command: ChangeVaultCustomer) -> VaultCustomerChanged | VaultCustomerNotChanged:
        """Make a vault hold these values, which are opened, looking up before and after.

        Raises: Delayed, Unavailable, Transient, ContractBroken of schemas.failures.
        """
        ...


class ShopWriter(Protocol):
    """Shops, as the agent sees them that writes into them."""

    async def write(self, command: WriteToShop) -> ShopWritten | ShopWriteRefused:
        """Make a shop hold this exactly once, looking up before and after.

        Raises: Delayed, Unavailable, ContractBroken of schemas.failures.
        """
        ...


class ShopHookReader(Protocol):
    """The webhooks of a shop, as the ingress sees them."""

    def hinted(self, headers: Mapping[str, str], body: bytes, observed_at: datetime) -> tuple[OrderHinted, ...] | None:
        """Return the order that a webhook names, () where it names none; None where the shop did not sign it."""
        ...
