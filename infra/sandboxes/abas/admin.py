"""The sandbox's own door, for tests, demo and people: seed, fault switches, clock, books and a page to look at."""

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from infra.sandboxes.abas.accounts import balances
from infra.sandboxes.abas.books import read_books, show_page
from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.ledger import add_open_item, currency_record
from infra.sandboxes.abas.state import Sandbox
from infra.sandboxes.abas.store import Record, Stored
from infra.sandboxes.abas.tables import (
    ACCOUNT,
    CONTRACT,
    COST_CENTRE,
    CUSTOMER,
    INVOICE,
    OPEN_ITEM,
    PAYMENT_REQUEST,
    PRODUCT,
    SALES_ORDER,
    TableDef,
)
from schemas.values.money import from_major


class CustomerSeed(BaseModel):
    """A customer to create; one whose number is there already is changed."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=40)
    name: str = ""
    vault_customer_id: str = ""
    email: str = ""
    phone: str = ""
    street: str = ""
    zip_code: str = ""
    town: str = ""
    country: str = ""


class TaxSeed(BaseModel):
    """The tax of one rate within an outstanding item: its code, the gross that bears it, the tax in that."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1)
    gross: Decimal
    tax: Decimal


class LineSeed(BaseModel):
    """A line of the invoice of an outstanding item: the group of its product (none: a line without a product)."""

    model_config = ConfigDict(extra="forbid")

    category: str = Field(default="", max_length=40)
    net: Decimal
    tax_percent: Decimal = Decimal(0)


class OpenItemSeed(BaseModel):
    """An outstanding item to create; amount as text, so that no double touches it."""

    model_config = ConfigDict(extra="forbid")

    invoice_number: str = Field(min_length=1, max_length=60)
    customer_number: str
    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    due_on: date | None = None
    order_number: str = Field(default="", max_length=40)
    booked_on: date | None = None
    base_amount: Decimal | None = None
    discount_percent: Decimal | None = Field(default=None, ge=0, le=100)
    discount_days: int | None = Field(default=None, ge=0)
    taxes: list[TaxSeed] = Field(default=[], max_length=2)
    lines: list[LineSeed] = []


class CreditMemoSeed(BaseModel):
    """A credit memo to book, of an invoice or of none; amounts are positive."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=60)
    customer_number: str
    amount: Decimal = Field(gt=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    invoice_number: str = ""
    booked_on: date | None = None
    base_amount: Decimal | None = Field(default=None, gt=0)


class CompanySetting(BaseModel):
    """What the company of these books has set."""

    model_config = ConfigDict(extra="forbid")

    base_currency: str = Field(pattern=r"^[A-Z]{3}$")


class BalancesAsked(BaseModel):
    """The last day that counts; none is all of them."""

    model_config = ConfigDict(extra="forbid")

    through: date | None = None


class SalesOrderSeed(BaseModel):
    """A sales order to create."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(default="", max_length=40)
    customer_number: str
    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class NumberedSeed(BaseModel):
    """A product, account or cost centre to create; one whose number is there already stays."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["product", "account", "cost_centre", "currency"]
    number: str = Field(min_length=1, max_length=40)
    name: str = ""
    postable: bool = True


class PaymentRequestSeed(BaseModel):
    """A payment request of somebody at abas: refund, void or charge."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    customer_number: str
    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    paytrace_transaction_id: str = ""
    invoice_number: str = ""
    pays: dict[str, Decimal] = {}  # invoices and what each gets of a charge, its rows
    reason: str = ""
    requester: str = ""
    merchant: str = ""


class ContractSeed(BaseModel):
    """A contract; one whose number is there already is changed, and filed where it says so."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=40)
    customer_number: str
    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    frequency: str
    start_on: date
    ends_on: date | None = None
    description: str = ""
    merchant: str = ""
    filed: bool = False


class OpenEditor(BaseModel):
    """A record that a person opens and forgets."""

    model_config = ConfigDict(extra="forbid")

    record: str
    user: str = "M. Muster"


class ClockSetting(BaseModel):
    """Where to move the clock: a moment, seconds from now, or neither to bring it back."""

    model_config = ConfigDict(extra="forbid")

    now: datetime | None = None
    shift_s: float | None = None


class Refusal(ValueError):
    """What was sent can't be used; answered with 422 and the reason."""


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """Build the admin routes of one sandbox."""

    def handle(work: Callable[[bytes], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                return JSONResponse(work(await request.body()))
            except (ValueError, OverflowError) as error:
                return JSONResponse({"error": str(error)}, status_code=422)

        return endpoint

    async def page(request: Request) -> Response:
        return HTMLResponse(show_page(sandbox))

    return [
        Route("/customers", handle(lambda raw: _seed_customers(sandbox, raw)), methods=["POST"]),
        Route("/open-items", handle(lambda raw: _seed_open_items(sandbox, raw)), methods=["POST"]),
        Route("/credit-memos", handle(lambda raw: _seed_credit_memos(sandbox, raw)), methods=["POST"]),
        Route("/company", handle(lambda raw: _set_company(sandbox, raw)), methods=["POST"]),
        Route("/balances", handle(lambda raw: _balances(sandbox, raw)), methods=["POST"]),
        Route("/sales-orders", handle(lambda raw: _seed_sales_orders(sandbox, raw)), methods=["POST"]),
        Route("/master-data", handle(lambda raw: _seed_master_data(sandbox, raw)), methods=["POST"]),
        Route("/payment-requests", handle(lambda raw: _seed_payment_requests(sandbox, raw)), methods=["POST"]),
        Route("/contracts", handle(lambda raw: _seed_contracts(sandbox, raw)), methods=["POST"]),
        Route("/editors", handle(lambda raw: _leave_open(sandbox, raw)), methods=["POST"]),
        Route("/faults", handle(lambda raw: _set_faults(sandbox, raw)), methods=["POST"]),
        Route("/faults", handle(lambda raw: sandbox.faults.model_dump()), methods=["GET"]),
        Route("/struck", handle(lambda raw: dict(sandbox.store.struck)), methods=["GET"]),
        Route("/clock", handle(lambda raw: _set_clock(sandbox, raw)), methods=["POST"]),
        Route("/reset", handle(lambda raw: _reset(sandbox)), methods=["POST"]),
        Route("/books", handle(lambda raw: read_books(sandbox)), methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]


def _seed_customers(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[CustomerSeed]).validate_json(raw)
    created: list[str] = []
    with sandbox.store.transaction():
        for seed in seeds:
            values: dict[str, str | bool] = {
                "idno": seed.number,
                "swd": seed.name.upper()[:20] or seed.number,
                "descrOperLang": seed.name,
                "ypaytracecust": seed.vault_customer_id,
                "emailAddr": seed.email,
                "phoneNo": seed.phone,
                "street": seed.street,
                "zipCode": seed.zip_code,
                "town": seed.town,
                "ctryCode": seed.country,
            }
            known = next(iter(sandbox.store.matching(CUSTOMER.spec, "idno", seed.number) or ()), None)
            if known is not None:
                sandbox.store.change(known, values)
            created.append(known.id if known is not None else sandbox.store.add(CUSTOMER, values).id)
    return {"ids": created}


def _seed_open_items(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[OpenItemSeed]).validate_json(raw)
    customers = {seed.customer_number: _customer(sandbox, seed.customer_number) for seed in seeds}
    amounts = [from_major(seed.amount, seed.currency).major for seed in seeds]  # refuses what the currency can't hold
    for seed in seeds:
        _refuse_closed_sales(sandbox, seed.booked_on)
    with sandbox.store.transaction():
        ids = [
            add_open_item(
                sandbox.store,
                customers[seed.customer_number],
                invoice=seed.invoice_number,
                amount=amounts[number],
                currency=seed.currency,
                due_on=seed.due_on,
                order=_named(sandbox, SALES_ORDER, "idno", seed.order_number),
                booked_on=seed.booked_on,
                base=seed.base_amount,
                terms=_terms(seed),
            ).id
            for number, seed in enumerate(seeds)
        ]
        for seed in seeds:
            _add_invoice(sandbox, seed, customers[seed.customer_number])
    return {"ids": ids}


def _add_invoice(sandbox: Sandbox, seed: OpenItemSeed, customer: Record) -> None:
    """Create the invoice of an item whose lines are given: posted, hence filed."""
    if not seed.lines:
        return
    store = sandbox.store
    products: dict[str, str] = {"": ""}
    for line in seed.lines:
        if line.category not in products:
            number = f"P-{line.category}"
            known = next(iter(store.matching(PRODUCT.spec, "idno", number) or ()), None)
            known = known or store.add(PRODUCT, {"idno": number, "ypgroup": line.category})
            products[line.category] = known.id
    rows: list[dict[str, Stored]] = [
        {
            "product": products[line.category],
            "unitQty": "1",
            "price": str(line.net),
            "rowAmt": str(line.net),
            "taxPercent": str(line.tax_percent),
        }
        for line in seed.lines
    ]
    currency = currency_record(store, seed.currency).id
    net = str(sum(line.net for line in seed.lines))
    values: dict[str, Stored] = {"idno": seed.invoice_number, "customer": customer.id, "curr": currency}
    store.change(store.add(INVOICE, {**values, "totalNetAmt": net}, rows), {}, filed=True)


def _terms(seed: OpenItemSeed) -> dict[str, Stored]:
    """Return the fields of an item's terms and taxes."""
    values: dict[str, Stored] = {
        "discPercent": "" if seed.discount_percent is None else str(seed.discount_percent),
        "discDays": "" if seed.discount_days is None else str(seed.discount_days),
    }
    for number, tax in zip(("", "2"), seed.taxes, strict=False):
        values |= {f"taxCode{number}": tax.code, f"taxedAmt{number}": str(tax.gross), f"taxAmt{number}": str(tax.tax)}
    return values


def _seed_credit_memos(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[CreditMemoSeed]).validate_json(raw)
    ids: list[str] = []
    with sandbox.store.transaction():
        for seed in seeds:
            _refuse_closed_sales(sandbox, seed.booked_on)
            credited = sandbox.store.record(_named(sandbox, OPEN_ITEM, "docNo", seed.invoice_number))
            memo = add_open_item(
                sandbox.store,
                _customer(sandbox, seed.customer_number),
                invoice=seed.number,
                amount=-from_major(seed.amount, seed.currency).major,
                currency=seed.currency,
                due_on=None,
                booked_on=seed.booked_on,
                base=None if seed.base_amount is None else -seed.base_amount,
                credits=credited,
            )
            ids.append(memo.id)
    return {"ids": ids}


def _refuse_closed_sales(sandbox: Sandbox, booked_on: date | None) -> None:
    """Refuse what sales books on a day of a month that is closed there; what has no day is booked before all of it."""
    if booked_on is not None and f"sales/{booked_on.isoformat()[:7]}" in sandbox.faults.closed_periods:
        raise Refusal(f"sales has closed {booked_on.isoformat()[:7]}")


def _set_company(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    setting = CompanySetting.model_validate_json(raw)
    sandbox.store.set_fact("base_currency", setting.base_currency)
    return setting.model_dump()


def _balances(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    through = BalancesAsked.model_validate_json(raw or b"{}").through
    return {"balances": balances(sandbox.store, *(() if through is None else (through.isoformat(),)))}


def _seed_sales_orders(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[SalesOrderSeed]).validate_json(raw)
    customers = {seed.customer_number: _customer(sandbox, seed.customer_number) for seed in seeds}
    with sandbox.store.transaction():
        ids = [
            sandbox.store.add(
                SALES_ORDER,
                {
                    "idno": seed.number,
                    "customer": customers[seed.customer_number].id,
                    "curr": currency_record(sandbox.store, seed.currency).id,
                    "totalNetAmt": str(seed.amount),
                },
            ).id
            for seed in seeds
        ]
    return {"ids": ids}


def _seed_master_data(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[NumberedSeed]).validate_json(raw)
    tables = {"product": PRODUCT, "account": ACCOUNT, "cost_centre": COST_CENTRE}
    ids: list[str] = []
    with sandbox.store.transaction():
        for seed in seeds:
            if seed.kind == "currency":
                ids.append(currency_record(sandbox.store, seed.number).id)
                continue
            table = tables[seed.kind]
            known = next(iter(sandbox.store.matching(table.spec, "idno", seed.number) or ()), None)
            if known is None:
                values: dict[str, str | bool] = {"idno": seed.number, "descrOperLang": seed.name}
                known = sandbox.store.add(table, {**values, "postable": seed.postable} if table is ACCOUNT else values)
            ids.append(known.id)
    return {"ids": ids}


def _seed_payment_requests(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[PaymentRequestSeed]).validate_json(raw)
    customers = {seed.customer_number: _customer(sandbox, seed.customer_number) for seed in seeds}
    with sandbox.store.transaction():
        ids = [
            sandbox.store.add(
                PAYMENT_REQUEST,
                {
                    "ykind": seed.kind,
                    "customer": customers[seed.customer_number].id,
                    "item": _named(sandbox, OPEN_ITEM, "docNo", seed.invoice_number),
                    "curr": currency_record(sandbox.store, seed.currency).id,
                    "amount": str(seed.amount),
                    "ypaytraceid": seed.paytrace_transaction_id,
                    "yreason": seed.reason,
                    "yrequester": seed.requester,
                    "ymerchant": seed.merchant,
                    "ystatus": "OPEN",
                },
                [
                    {"item": _named(sandbox, OPEN_ITEM, "docNo", number), "amount": str(amount)}
                    for number, amount in seed.pays.items()
                ],
            ).id
            for seed in seeds
        ]
    return {"ids": ids}


def _seed_contracts(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    seeds = TypeAdapter(list[ContractSeed]).validate_json(raw)
    customers = {seed.customer_number: _customer(sandbox, seed.customer_number) for seed in seeds}
    ids: list[str] = []
    with sandbox.store.transaction():
        for seed in seeds:
            values: dict[str, str | bool] = {
                "idno": seed.number,
                "descrOperLang": seed.description,
                "customer": customers[seed.customer_number].id,
                "curr": currency_record(sandbox.store, seed.currency).id,
                "amount": str(seed.amount),
                "yfrequency": seed.frequency,
                "ystart": seed.start_on.isoformat(),
                "yend": seed.ends_on.isoformat() if seed.ends_on else "",
                "ymerchant": seed.merchant,
            }
            known = next(iter(sandbox.store.matching(CONTRACT.spec, "idno", seed.number) or ()), None)
            record = known or sandbox.store.add(CONTRACT, {**values})
            sandbox.store.change(record, {**values}, filed=seed.filed)
            ids.append(record.id)
    return {"ids": ids}


def _named(sandbox: Sandbox, table: TableDef, column: str, value: str) -> str:
    """Return the id of a record by its number; empty where none is asked for."""
    if not value:
        return ""
    found = next(iter(sandbox.store.matching(table.spec, column, value) or ()), None)
    if found is None:
        raise Refusal(f"no {table.name} has {column} {value}")
    return found.id


def _leave_open(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    asked = OpenEditor.model_validate_json(raw)
    record = sandbox.store.record(asked.record)
    if record is None:
        raise Refusal(f"record {asked.record} does not exist")
    try:
        return {"working_set": sandbox.sessions.leave_open(record, asked.user).id}
    except ErpFault as fault:
        raise Refusal(fault.text) from fault


def _customer(sandbox: Sandbox, number: str) -> Record:
    found = next(iter(sandbox.store.matching(CUSTOMER.spec, "idno", number) or ()), None)
    if found is None:
        raise Refusal(f"customer {number} does not exist: seed it first")
    return found


def _set_faults(sandbox: Sandbox, raw: bytes) -> dict[str, Any]:
    try:
        switches = json.loads(raw or b"{}")
    except ValueError as error:
        raise Refusal(f"no JSON: {error}") from error
    if not isinstance(switches, dict):
        raise Refusal("switches are an object")
    sandbox.set_faults(switches)
    return sandbox.faults.model_dump()


def _reset(sandbox: Sandbox) -> dict[str, Any]:
    sandbox.reset()
    return {}


def _set_clock(sandbox: Sandbox, raw: bytes) -> dict[str, str]:
    setting = ClockSetting.model_validate_json(raw or b"{}")
    if setting.now is not None and setting.now.tzinfo is None:
        raise Refusal("now needs an offset")
    moment = setting.now
    if moment is None and setting.shift_s is not None:
        moment = datetime.fromtimestamp(
            sandbox.store.now().timestamp() + setting.shift_s, tz=sandbox.store.now().tzinfo
        )
    sandbox.store.set_clock(moment)
    return {"now": sandbox.store.now().isoformat()}
