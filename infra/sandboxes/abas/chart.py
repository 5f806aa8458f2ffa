"""The chart of accounts that the sandbox's company begins with."""

from infra.sandboxes.abas.store import Store
from infra.sandboxes.abas.tables import ACCOUNT, COST_CENTRE

ACCOUNTS = {
    "1200": "Bank",
    "1360": "Money in transit",
    "1361": "Clearing PayTrace",
    "1363": "Security kept by the processor",
    "1365": "Receivables from disputes",
    "1370": "Unidentified receipts",
    "1406": "Input tax",
    "1480": "Currency position",
    "3500": "Refunds to be paid out",
    "3806": "Output tax",
    "4736": "Cash discounts granted",
    "4840": "Exchange gains",
    "6855": "Fees of payments",
    "6856": "Fees of disputes",
    "6880": "Exchange losses",
    "6930": "Receivables written off",
}
COST_CENTRES = {"100": "Finance"}


def open_accounts(store: Store) -> None:
    """Open what is not there yet."""
    for table, of_table in ((ACCOUNT, ACCOUNTS), (COST_CENTRE, COST_CENTRES)):
        for number, name in of_table.items():
            if store.resolve(table.spec, number) is None:
                store.add(table, {"idno": number, "swd": name.upper(), "descrOperLang": name, "postable": True})
