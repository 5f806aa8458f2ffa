"""What the sandbox's abas is made of: tables, their columns in two languages, and the edit actions they allow.

Customer, product and sales order carry the names that public sources prove. Finance tables stand at 900:n, outside
any known number, and their names are invented, so that nobody mistakes them for fact.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Base types as abas' metadata names them."""

    STRING = "STRING"
    DOUBLE = "DOUBLE"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    DATETIME = "DATETIME"
    ENUMERATION = "ENUMERATION"
    REFERENCE = "REFERENCE"
    BUTTON = "BUTTON"


@dataclass(frozen=True, slots=True)
class Column:
    """A variable: English name (the key in our books), German name, type, and where a reference leads."""

    english: str
    german: str
    kind: Kind
    target: str | None = None
    writable: bool = True
    also: tuple[str, ...] = ()  # other tables whose records a reference takes

    def name(self, language: str) -> str:
        """Name in one of the two variable languages."""
        return self.english if language == "en" else self.german

    @property
    def erp_type(self) -> str:
        """ERP notation of the type."""
        match self.kind:
            case Kind.REFERENCE:
                return f"P{self.target}"
            case Kind.DOUBLE:
                return "R12.2"
            case Kind.INTEGER:
                return "I9"
            case Kind.BOOLEAN:
                return "B"
            case Kind.DATE:
                return "D"
            case Kind.DATETIME:
                return "DT"
            case Kind.ENUMERATION:
                return "A12"
            case Kind.BUTTON:
                return "BU"
            case Kind.STRING:
                return "A60"


@dataclass(frozen=True, slots=True)
class TableDef:
    """A database group: number, class name, columns, row columns, actions, and columns with an index."""

    spec: str
    name: str
    db_id: str
    head: tuple[Column, ...]
    rows: tuple[Column, ...] = ()
    actions: tuple[str, ...] = ("NEW", "UPDATE", "VIEW", "GET")
    echo: str = "idno"  # what a reference to this table shows as its text
    indexed: frozenset[str] = field(default_factory=lambda: frozenset({"idno"}))
    number_prefix: str = ""
    first_number: int = 1

    @property
    def database(self) -> str:
        """The database number, which is also the second number of each record id."""
        return self.spec.split(":")[0]


_GENERIC = (
    Column("id", "id", Kind.STRING, writable=False),
    Column("idno", "nummer", Kind.STRING),
    Column("swd", "such", Kind.STRING),
    Column("descrOperLang", "namebspr", Kind.STRING),
    Column("stand", "stand", Kind.DATETIME, writable=False),
    Column("erfass", "erfass", Kind.DATETIME, writable=False),
)

CUSTOMER = TableDef(
    "0:1",
    "Customer",
    "Customer",
    head=(
        *_GENERIC,
        Column("bal", "saldo", Kind.DOUBLE, writable=False),
        Column("credLim", "kredlim", Kind.DOUBLE),
        Column("street", "str", Kind.STRING),
        Column("zipCode", "plz", Kind.STRING),
        Column("town", "nort", Kind.STRING),
        Column("ctryCode", "staat", Kind.STRING),
        Column("emailAddr", "email", Kind.STRING),
        Column("phoneNo", "tele", Kind.STRING),
        Column("street2", "str2", Kind.STRING),
        Column("zipCode2", "plz2", Kind.STRING),
        Column("town2", "nort2", Kind.STRING),
        Column("ctryCode2", "staat2", Kind.STRING),
        Column("ypaytracecust", "ypaytracecust", Kind.STRING),
        Column("yshopref", "yshopref", Kind.STRING),
        Column("ydunblock", "ymahnsperre", Kind.STRING),
        Column("ydunreason", "ymahngrund", Kind.STRING),
    ),
    actions=("NEW", "UPDATE", "STORE", "VIEW", "GET"),
    indexed=frozenset({"idno", "swd", "ypaytracecust", "yshopref"}),
    first_number=70001,
)
# Which field holds a product's group is said nowhere, so it is a field of the company's own (reference, section 13).
PRODUCT = TableDef(
    "2:1", "Product", "Part", head=(*_GENERIC, Column("ypgroup", "ypgruppe", Kind.STRING)), first_number=10001
)
SALES_ORDER = TableDef(
    "3:22",
    "SalesOrder",
    "Sales",
    head=(
        *_GENERIC,
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("totalNetAmt", "sumnetto", Kind.DOUBLE),
        Column("dateFrom", "tterm", Kind.DATE),
        Column("subject", "betreff", Kind.STRING),
        Column("ypaytraceid", "ypaytraceid", Kind.STRING),
        Column("yshopref", "yshopref", Kind.STRING),
        Column("yshopno", "yshopno", Kind.STRING),
        Column("yshopgross", "yshopgross", Kind.DOUBLE),
    ),
    rows=(
        Column("product", "artikel", Kind.REFERENCE, "2:1"),
        Column("unitQty", "mge", Kind.DOUBLE),
        Column("price", "preis", Kind.DOUBLE),
        Column("taxCode", "strgl", Kind.STRING),
        Column("yshopcat", "yshopcat", Kind.STRING),
        Column("yrowkey", "yrowkey", Kind.STRING),
    ),
    indexed=frozenset({"idno", "yshopref"}),
    number_prefix="AU-",
    first_number=30001,
)
INVOICE = TableDef(
    "3:24",
    "Invoice",
    "Sales",
    head=(
        *_GENERIC,
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("totalNetAmt", "sumnetto", Kind.DOUBLE),
    ),
    rows=(
        Column("product", "artikel", Kind.REFERENCE, "2:1"),
        Column("unitQty", "mge", Kind.DOUBLE),
        Column("price", "preis", Kind.DOUBLE),
        Column("rowAmt", "pwert", Kind.DOUBLE),  # net
        Column("taxPercent", "steuer", Kind.DOUBLE),
    ),
    actions=("VIEW", "GET"),
)
OPEN_ITEM = TableDef(
    "900:1",
    "OutstandingItem",
    "Finance",
    head=(
        *_GENERIC,
        Column("docNo", "belnum", Kind.STRING, writable=False),
        Column("customer", "kunde", Kind.REFERENCE, "0:1", writable=False),
        Column("totalAmt", "betrag", Kind.DOUBLE, writable=False),
        Column("openAmt", "offen", Kind.DOUBLE, writable=False),
        Column("curr", "waehr", Kind.REFERENCE, "900:5", writable=False),
        Column("dueDate", "faellig", Kind.DATE),
        Column("order", "auftrag", Kind.REFERENCE, "3:22"),
        Column("docDate", "beldat", Kind.DATE, writable=False),
        # Terms of payment, and the tax within it by rate.
        Column("discPercent", "skprozent", Kind.DOUBLE, writable=False),
        Column("discDays", "sktage", Kind.INTEGER, writable=False),
        Column("taxCode", "strgl", Kind.STRING, writable=False),
        Column("taxedAmt", "stbrutto", Kind.DOUBLE, writable=False),
        Column("taxAmt", "stbetrag", Kind.DOUBLE, writable=False),
        Column("taxCode2", "strgl2", Kind.STRING, writable=False),
        Column("taxedAmt2", "stbrutto2", Kind.DOUBLE, writable=False),
        Column("taxAmt2", "stbetrag2", Kind.DOUBLE, writable=False),
        # In the currency of the books; empty where nobody valued it.
        Column("totalBase", "betragbw", Kind.DOUBLE, writable=False),
        Column("openBase", "offenbw", Kind.DOUBLE, writable=False),
        Column("baseCurr", "waehrbw", Kind.REFERENCE, "900:5", writable=False),
        # Of a credit memo, whose amounts are negative: the item that it credits, and by how much it lowered that one.
        Column("credits", "gutzu", Kind.REFERENCE, "900:1", writable=False),
        Column("loweredAmt", "verrechnet", Kind.DOUBLE, writable=False),
        Column("ypaystatus", "ypaystatus", Kind.STRING),
        Column("yinvstatus", "yinvstatus", Kind.STRING),
    ),
    actions=("VIEW", "GET", "UPDATE", "PAYMENT"),
    indexed=frozenset({"idno", "docNo"}),
    number_prefix="OP-",
    first_number=100001,
)
PAYMENT = TableDef(
    "900:2",
    "Payment",
    "Finance",
    head=(
        *_GENERIC,
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("item", "op", Kind.REFERENCE, "900:1"),
        Column("credit", "opgut", Kind.REFERENCE, "900:1"),  # the credit memo that an application takes
        Column("amount", "betrag", Kind.DOUBLE),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("method", "zart", Kind.ENUMERATION),
        Column("valDate", "valuta", Kind.DATE),
        Column("postDate", "budat", Kind.DATE),
        Column("reverses", "storno", Kind.REFERENCE, "900:2"),
        Column("yposref", "yposref", Kind.STRING),
        Column("ypaytraceid", "ypaytraceid", Kind.STRING),
        Column("yreason", "yreason", Kind.STRING),
        Column("ykind", "ykind", Kind.STRING),
        Column("counterAcct", "gkonto", Kind.REFERENCE, "5:1"),
        Column("costCenter", "kstelle", Kind.REFERENCE, "5:2"),
        Column("taxCode", "strgl", Kind.STRING),
        Column("baseAmt", "sbetrag", Kind.DOUBLE),
    ),
    # The counter accounts of a payment that has several, in place of the one in the head.
    rows=(
        Column("counterAcct", "gkonto", Kind.REFERENCE, "5:1"),
        Column("amount", "betrag", Kind.DOUBLE),
        Column("costCenter", "kstelle", Kind.REFERENCE, "5:2"),
        Column("taxCode", "strgl", Kind.STRING),
        Column("rowText", "ptext", Kind.STRING),
        Column("baseAmt", "sbetrag", Kind.DOUBLE),
    ),
    actions=("NEW", "VIEW", "GET", "REVERSAL"),
    # yposref is indexed for speed, never unique: a real abas would take a double, so the sandbox does too.
    indexed=frozenset({"idno", "yposref", "ypaytraceid", "reverses"}),
    number_prefix="ZE-",
    first_number=20001,
)
CURRENCY = TableDef(
    "900:5",
    "Currency",
    "Finance",
    head=_GENERIC,
    echo="swd",
    indexed=frozenset({"idno", "swd"}),
)

PAYMENT_REQUEST = TableDef(
    "900:6",
    "PaymentRequest",
    "Finance",
    head=(
        *_GENERIC,
        Column("ykind", "ykind", Kind.STRING),
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("item", "op", Kind.REFERENCE, "900:1"),
        Column("amount", "betrag", Kind.DOUBLE),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("ypaytraceid", "ypaytraceid", Kind.STRING),
        Column("yreason", "yreason", Kind.STRING),
        Column("ystatus", "ystatus", Kind.STRING),
        Column("yrequester", "yrequester", Kind.STRING),
        Column("ymerchant", "ymerchant", Kind.STRING),
        # What became of it.
        Column("yresult", "yresult", Kind.STRING),
        Column("ydocument", "ydocument", Kind.STRING),
        Column("yanswer", "yanswer", Kind.STRING),
    ),
    # The invoices that a charge pays.
    rows=(
        Column("item", "op", Kind.REFERENCE, "900:1"),
        Column("amount", "betrag", Kind.DOUBLE),
    ),
    indexed=frozenset({"idno", "ypaytraceid"}),
    number_prefix="ZW-",
    first_number=40001,
)
# A table of ours for what became of each payment, where papers themselves must not be changed.
PAYMENT_STATUS = TableDef(
    "900:7",
    "PaymentStatus",
    "Finance",
    head=(
        *_GENERIC,
        Column("ystatuskey", "ystatuskey", Kind.STRING),
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("ypaytraceid", "ypaytraceid", Kind.STRING),
        Column("docNo", "belnum", Kind.STRING),
        Column("ypaystatus", "ypaystatus", Kind.STRING),
        Column("yinvstatus", "yinvstatus", Kind.STRING),
        Column("amount", "betrag", Kind.DOUBLE),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("yreason", "yreason", Kind.STRING),
    ),
    indexed=frozenset({"idno", "ystatuskey", "ypaytraceid"}),
    number_prefix="ZS-",
    first_number=60001,
)
# What vault customers can be charged by; a table of ours.
PAYMENT_METHOD = TableDef(
    "900:8",
    "PaymentMethod",
    "Finance",
    head=(
        *_GENERIC,
        Column("ymethodkey", "ymethodkey", Kind.STRING),
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("ytoken", "ytoken", Kind.STRING),
        Column("ymethod", "ymethod", Kind.STRING),
        Column("ybrand", "ybrand", Kind.STRING),
        Column("ylastfour", "ylastfour", Kind.STRING),
        Column("yexpires", "yexpires", Kind.DATE),
        Column("ystatus", "ystatus", Kind.STRING),
    ),
    indexed=frozenset({"idno", "ymethodkey", "ytoken"}),
    number_prefix="ZM-",
    first_number=80001,
)
# What customers are to be charged again and again; which table of abas holds it is not known.
CONTRACT = TableDef(
    "900:9",
    "Contract",
    "Finance",
    head=(
        *_GENERIC,
        Column("customer", "kunde", Kind.REFERENCE, "0:1"),
        Column("amount", "betrag", Kind.DOUBLE),
        Column("curr", "waehr", Kind.REFERENCE, "900:5"),
        Column("yfrequency", "yrhythmus", Kind.STRING),
        Column("ystart", "ybeginn", Kind.DATE),
        Column("yend", "yende", Kind.DATE),
        Column("ymerchant", "ymerchant", Kind.STRING),
    ),
    number_prefix="V-",
    first_number=90001,
)
# General ledger: numbers and German names are proven, the English twins are not (reference, sections 1 and 7).
ACCOUNT = TableDef(
    "5:1",
    "Account",
    "Account",
    head=(*_GENERIC, Column("postable", "bebuchbar", Kind.BOOLEAN)),
    first_number=9001,
)
COST_CENTRE = TableDef("5:2", "CostCenter", "Account", head=_GENERIC, first_number=901)
ENTRY = TableDef(
    "6:0",
    "Entry",
    "Entry",
    head=(
        *_GENERIC,
        Column("docNo", "beleg", Kind.STRING),
        Column("docDate", "beldat", Kind.DATE),
        Column("postDate", "budat", Kind.DATE),
        Column("text", "text", Kind.STRING),
        Column("entryCurr", "erfwaehr", Kind.REFERENCE, "900:5"),
        Column("yposref", "yposref", Kind.STRING),
        Column("yreverses", "yreverses", Kind.STRING),
    ),
    rows=(
        Column("account", "konto", Kind.REFERENCE, "5:1", also=("0:1",)),
        Column("item", "op", Kind.REFERENCE, "900:1"),
        Column("debitAmt", "ewsbetr", Kind.DOUBLE),
        Column("creditAmt", "ewhbetr", Kind.DOUBLE),
        Column("costCenter", "kstelle", Kind.REFERENCE, "5:2"),
        Column("taxCode", "strgl", Kind.STRING),
        Column("rowText", "ptext", Kind.STRING),
        Column("baseAmt", "sbetrag", Kind.DOUBLE),  # in the currency of the books, debit positive
        Column("rowCurr", "zwaehr", Kind.REFERENCE, "900:5"),  # where it is not that of the entry
    ),
    actions=("NEW", "VIEW", "GET", "REVERSAL"),
    indexed=frozenset({"idno", "yposref"}),
    number_prefix="BU-",
    first_number=50001,
)
# Balances per account, currency and month; what is in them is derived from the documents (accounts.py).
FIGURES = TableDef(
    "5:3",
    "TransactionFigures",
    "Account",
    head=(
        *_GENERIC,
        Column("acct", "kosn", Kind.STRING, writable=False),
        Column("curr", "waehr", Kind.STRING, writable=False),
        Column("fiscalYear", "gjahr", Kind.STRING, writable=False),
        Column("month", "monat", Kind.STRING, writable=False),
        Column("yperiod", "yzeitraum", Kind.STRING, writable=False),
        Column("debit", "soll", Kind.DOUBLE, writable=False),
        Column("credit", "haben", Kind.DOUBLE, writable=False),
        Column("saldo", "saldo", Kind.DOUBLE, writable=False),
        Column("runBal", "kumsaldo", Kind.DOUBLE, writable=False),  # at the end of the month
    ),
    actions=("VIEW", "GET"),
)


# Tables of the company's own, whose `y` columns have one name in both languages.
_KEYED = (*_GENERIC, Column("ykey", "ykey", Kind.STRING))


def _own(spec: str, name: str, columns: dict[str, Kind]) -> TableDef:
    head = (*_KEYED, *(Column(column, column, kind) for column, kind in columns.items()))
    return TableDef(spec, name, "Saldo", head=head, indexed=frozenset({"idno", "ykey"}))


_AMOUNTS = (
    *("ycaptured", "yrefunded", "yvoided", "yreturned", "ychargedback"),
    *("yposted", "ywaiting", "yparked", "yresidual"),
)
BRIDGE_DAY = _own(
    "900:11", "SaldoBridge", {"yday": Kind.DATE, "ycurr": Kind.STRING} | dict.fromkeys(_AMOUNTS, Kind.DOUBLE)
)
_TEXTS = ("ystate", "ypaytraceid", "ycustomer", "yinvoice", "ycurr", "yreason")
WAITING_MONEY = _own(
    "900:12", "SaldoWaiting", dict.fromkeys(_TEXTS, Kind.STRING) | {"yamount": Kind.DOUBLE, "ysince": Kind.DATE}
)
DEPOSIT_EXPLANATION = _own(
    "900:13",
    "SaldoDeposit",
    dict.fromkeys(("ystate", "ycurr", "ydetail"), Kind.STRING)
    | {"yday": Kind.DATE, "yamount": Kind.DOUBLE, "yfee": Kind.DOUBLE, "ylines": Kind.INTEGER},
)


@dataclass(frozen=True, slots=True)
class TypeCommand:
    """A type command: a name and number that open one action on one table."""

    number: int
    name: str
    table: str
    action: str


TYPE_COMMANDS = (
    TypeCommand(901, "(IncomingPayment)", PAYMENT.spec, "NEW"),
    TypeCommand(902, "(PaymentWishEntry)", PAYMENT_REQUEST.spec, "NEW"),
)

TABLES = {
    table.spec: table
    for table in (
        *(CUSTOMER, PRODUCT, SALES_ORDER, INVOICE, OPEN_ITEM, PAYMENT, CURRENCY, PAYMENT_REQUEST),
        *(PAYMENT_STATUS, PAYMENT_METHOD, CONTRACT, ACCOUNT, COST_CENTRE, ENTRY, FIGURES),
        *(BRIDGE_DAY, WAITING_MONEY, DEPOSIT_EXPLANATION),
    )
}


def column_of(columns: tuple[Column, ...], name: str, language: str) -> Column | None:
    """Find a column by its name in the request's variable language."""
    return next((column for column in columns if column.name(language) == name), None)
