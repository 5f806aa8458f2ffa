"""Every table and view of the read side, listed where a reader can count them, in the order of their creation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from projections.tables.fct_account_balances.row import TABLE as FCT_ACCOUNT_BALANCES
from projections.tables.fct_alerts.row import TABLE as FCT_ALERTS
from projections.tables.fct_charge_holds.row import TABLE as FCT_CHARGE_HOLDS
from projections.tables.fct_customer_links.row import TABLE as FCT_CUSTOMER_LINKS
from projections.tables.fct_customer_values.row import TABLE as FCT_CUSTOMER_VALUES
from projections.tables.fct_dead_letters.row import TABLE as FCT_DEAD_LETTERS
from projections.tables.fct_decisions.row import TABLE as FCT_DECISIONS
from projections.tables.fct_deposit_events.row import TABLE as FCT_DEPOSIT_EVENTS
from projections.tables.fct_deposit_reports.row import TABLE as FCT_DEPOSIT_REPORTS
from projections.tables.fct_dispute_deadlines.row import TABLE as FCT_DISPUTE_DEADLINES
from projections.tables.fct_dispute_events.row import TABLE as FCT_DISPUTE_EVENTS
from projections.tables.fct_document_lines.row import TABLE as FCT_DOCUMENT_LINES
from projections.tables.fct_documents.row import TABLE as FCT_DOCUMENTS
from projections.tables.fct_entries.row import TABLE as FCT_ENTRIES
from projections.tables.fct_fee_schedules.row import TABLE as FCT_FEE_SCHEDULES
from projections.tables.fct_file_lines.row import TABLE as FCT_FILE_LINES
from projections.tables.fct_files.row import TABLE as FCT_FILES
from projections.tables.fct_journal_lines.row import TABLE as FCT_JOURNAL_LINES
from projections.tables.fct_ledger_documents.row import TABLE as FCT_LEDGER_DOCUMENTS
from projections.tables.fct_matches.row import TABLE as FCT_MATCHES
from projections.tables.fct_movements.row import TABLE as FCT_MOVEMENTS
from projections.tables.fct_next_steps.row import TABLE as FCT_NEXT_STEPS
from projections.tables.fct_observations.row import TABLE as FCT_OBSERVATIONS
from projections.tables.fct_open_items.row import TABLE as FCT_OPEN_ITEMS
from projections.tables.fct_orders.row import TABLE as FCT_ORDERS
from projections.tables.fct_parking.row import TABLE as FCT_PARKING
from projections.tables.fct_payment_events.row import TABLE as FCT_PAYMENT_EVENTS
from projections.tables.fct_payment_methods.row import TABLE as FCT_PAYMENT_METHODS
from projections.tables.fct_proposals.row import TABLE as FCT_PROPOSALS
from projections.tables.fct_rates.row import TABLE as FCT_RATES
from projections.tables.fct_records.row import TABLE as FCT_RECORDS
from projections.tables.fct_risk.row import TABLE as FCT_RISK
from projections.tables.fct_schedule_runs.row import TABLE as FCT_SCHEDULE_RUNS
from projections.tables.fct_settlement_batches.row import TABLE as FCT_SETTLEMENT_BATCHES
from projections.tables.fct_settlement_days.row import TABLE as FCT_SETTLEMENT_DAYS
from projections.tables.fct_settlement_lines.row import TABLE as FCT_SETTLEMENT_LINES
from projections.tables.fct_subscription_runs.row import TABLE as FCT_SUBSCRIPTION_RUNS
from projections.tables.fct_subscriptions.row import TABLE as FCT_SUBSCRIPTIONS
from projections.tables.fct_suggestions.row import TABLE as FCT_SUGGESTIONS
from projections.tables.fct_unreadable.row import TABLE as FCT_UNREADABLE
from projections.tables.fct_unrecognized.row import TABLE as FCT_UNRECOGNIZED
from projections.tables.saldo_positions.row import TABLE as SALDO_POSITIONS
from projections.tables.table import FactTable, Table

ROOT = Path(__file__).parent

FACT_TABLES: tuple[FactTable[Any], ...] = (
    FCT_RECORDS,
    FCT_OBSERVATIONS,
    FCT_PAYMENT_EVENTS,
    FCT_UNRECOGNIZED,
    FCT_MOVEMENTS,
    FCT_OPEN_ITEMS,
    FCT_ENTRIES,
    FCT_DOCUMENTS,
    FCT_SETTLEMENT_BATCHES,
    FCT_SETTLEMENT_LINES,
    FCT_DEPOSIT_REPORTS,
    FCT_DEPOSIT_EVENTS,
    FCT_SETTLEMENT_DAYS,
    FCT_FEE_SCHEDULES,
    FCT_DISPUTE_EVENTS,
    FCT_JOURNAL_LINES,
    FCT_LEDGER_DOCUMENTS,
    FCT_DOCUMENT_LINES,
    FCT_DISPUTE_DEADLINES,
    FCT_FILES,
    FCT_FILE_LINES,
    FCT_PARKING,
    FCT_DEAD_LETTERS,
    FCT_UNREADABLE,
    FCT_MATCHES,
    FCT_SUGGESTIONS,
    FCT_DECISIONS,
    FCT_PROPOSALS,
    FCT_ALERTS,
    FCT_NEXT_STEPS,
    FCT_CHARGE_HOLDS,
    FCT_CUSTOMER_LINKS,
    FCT_PAYMENT_METHODS,
    FCT_CUSTOMER_VALUES,
    FCT_RATES,
    FCT_ACCOUNT_BALANCES,
    FCT_SCHEDULE_RUNS,
    FCT_ORDERS,
    FCT_SUBSCRIPTIONS,
    FCT_SUBSCRIPTION_RUNS,
    FCT_RISK,
)
TABLES: tuple[Table[Any], ...] = (*FACT_TABLES, SALDO_POSITIONS)
# Where a view takes the day of an instant: the zone of the merchant, which is a setting and stands in no SQL.
DAY_ZONE = "{day_zone:String}"

# Each view stands below the ones that it reads.
VIEWS: tuple[str, ...] = (
    "rpt_unrecognized_now",
    "fct_payments",
    "rpt_movements_now",
    "rpt_entries_now",
    "rpt_open_items_now",
    "fct_parked",
    "rpt_documents_now",
    "rpt_records_now",
    "rpt_ledger_documents_now",
    "rpt_disputes_now",
    "rpt_dispute_cases",
    "fct_waiting",
    "rpt_money",
    "rpt_bank_lines_now",
    "rpt_paid_out_lines",
    "rpt_deposit_bridge",
    "rpt_proposals_now",
    "rpt_alerts_now",
    "rpt_next_steps_now",
    "rpt_charge_holds_now",
    "rpt_customer_links_now",
    "rpt_orders_now",
    "rpt_subscriptions_now",
    "rpt_subscription_runs_now",
    "rpt_payment_methods_now",
    "rpt_customer_values_now",
    "rpt_account_balances",
    "rpt_risk_now",
)


def relations() -> tuple[str, ...]:
    """Return names of all tables, then all views, in creation order."""
    return (*(table.name for table in TABLES), *VIEWS)


def view_ddl(name: str, day_zone: str) -> str:
    """Return the statement that makes a view anew, with the zone of its days.

    A view can't be asked with a parameter.
    """
    return (ROOT / name / "view.sql").read_text("utf-8").replace(DAY_ZONE, f"'{day_zone}'")
