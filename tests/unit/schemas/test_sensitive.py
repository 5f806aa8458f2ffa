"""The scanner against its corpus: what must be found in any shape, and what must pass although it looks alike."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.checks.sensitive import (
    MASK,
    SensitiveKind,
    find_sensitive,
    has_luhn_digit,
    is_card_number,
    is_routing_number,
    mask_card_numbers,
    mask_reference,
    mask_sensitive,
    scan,
    scanning,
)
from schemas.checks.sensitive.identity import mask_of

CARD = SensitiveKind.CARD_NUMBER
CODE = SensitiveKind.CARD_SECURITY_CODE
BANK = SensitiveKind.BANK_NUMBER
DEEP = SensitiveKind.TOO_DEEP


def encoded(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text)
    return text


VISA = "4111111111111111"
AMEX = "371449635392376"

TEST_CARDS = [
    *("4012000098765439", "5499740000000057", "6011000993026909", "371449635392376", "4111111111111111"),
    *("4012881888818888", "5454545454545454", "378282246310005", "6011111111111117", "3530111333300000"),
    *("30569309025904", "38520000023237", "2223003122003222", "4222222222222", "6212345678901265"),
    *("36148900647913", "6500000000000002"),
]

POSITIVES: list[tuple[str, str, Any, SensitiveKind]] = [
    ("plain", "note", VISA, CARD),
    ("as a number", "note", int(VISA), CARD),
    ("as a decimal", "amount", Decimal(VISA), CARD),
    ("groups of four", "note", "4111 1111 1111 1111", CARD),
    ("dashes", "note", "4111-1111-1111-1111", CARD),
    ("dots", "note", "4111.1111.1111.1111", CARD),
    ("slashes and spaces", "note", "4111 / 1111 / 1111 / 1111", CARD),
    ("single digits", "note", " ".join(VISA), CARD),
    ("pairs", "note", "41 11 11 11 11 11 11 11", CARD),
    ("mixed groups", "note", "4111 11111111 1111", CARD),
    ("amex groups", "note", "3714 496353 92376", CARD),
    ("no-break spaces", "note", "4111\u00a01111\u00a01111\u00a01111", CARD),
    ("zero-width spaces", "note", "4111\u200b1111\u200b1111\u200b1111", CARD),
    ("en dashes", "note", "4111\u20131111\u20131111\u20131111", CARD),
    ("line breaks", "note", "4111\n1111\n1111\n1111", CARD),
    ("tabs", "note", "4111\t1111\t1111\t1111", CARD),
    ("inside words", "note", "PAN4111111111111111EXP1230", CARD),
    ("inside a sentence", "note", "please charge 4111-1111-1111-1111, thanks", CARD),
    ("with expiry behind", "note", "4111 1111 1111 1111 12/30 123", CARD),
    ("expiry glued on", "note", "41111111111111111230123", CARD),
    ("zeros in front", "note", "00004111111111111111", CARD),
    ("track two", "swipe", ";4012881888818888=24121010010270100001?", CARD),
    ("track one", "swipe", "%B4012881888818888^Demo/Customer^24121010010200010", CARD),
    ("file name", "attachment", "scan_4111111111111111.pdf", CARD),
    ("file name with gaps", "attachment", "card-4111-1111-1111-1111-front.jpg", CARD),
    ("path", "attachment", "/tmp/upload/4111111111111111/front.png", CARD),
    ("url", "link", "https://shop.example/pay?pan=4111111111111111&x=1", CARD),
    ("percent encoded", "link", quote("4111 1111 1111 1111"), CARD),
    ("twice percent encoded", "link", quote(quote("4111 1111 1111 1111")), CARD),
    ("html entities", "note", "4111&nbsp;1111&nbsp;1111&nbsp;1111", CARD),
    ("html digits", "note", "&#52;111111111111111", CARD),
    ("base64", "blob", base64.b64encode(VISA.encode()).decode(), CARD),
    ("base64 of json", "blob", base64.b64encode(json.dumps({"n": VISA}).encode()).decode(), CARD),
    ("base64 of a long text", "blob", base64.b64encode(("x" * 4000 + VISA).encode()).decode(), CARD),
    ("base64 over lines", "blob", base64.encodebytes(b"line of a file, and in it " * 4 + VISA.encode()).decode(), CARD),
    ("base64 of indented json", "blob", base64.b64encode(json.dumps({"n": VISA}, indent=2).encode()).decode(), CARD),
    ("base64 of other letters", "blob", base64.b64encode(f"Müller {VISA}".encode()).decode(), CARD),
    ("percent signs, then entities", "note", quote("&#52;111111111111111"), CARD),
    ("entities, then percent signs", "note", "&#37;34111111111111111", CARD),
    ("json in a string", "payload", json.dumps({"card": {"number": VISA}}), CARD),
    ("json in json in a string", "payload", json.dumps({"inner": json.dumps({"n": VISA})}), CARD),
    ("escaped json", "payload", '{"n": "\\u0034111111111111111"}', CARD),
    ("arabic digits", "note", "".join(chr(ord(digit) + 0x630) for digit in VISA), CARD),
    ("full-width digits", "note", "".join(chr(ord(digit) + 0xFEE0) for digit in VISA), CARD),
    ("bytes", "body", VISA.encode(), CARD),
    ("deep in a document", "body", {"a": [{"b": {"c": [VISA]}}]}, CARD),
    ("split over a list", "body", ["4111", "1111", "1111", "1111"], CARD),
    ("split over fields", "body", {"p1": "4111", "p2": "1111", "p3": "1111", "p4": "1111"}, CARD),
    ("split amex", "body", {"a": "3714", "b": "496353", "c": "92376"}, CARD),
    ("as a field's name", "body", {VISA: "yes"}, CARD),
    ("code by name", "csc", "999", CODE),
    ("code as number", "cvv", 123, CODE),
    ("amex code", "card.cvc2", "9997", CODE),
    ("code in camel case", "securityCode", "123", CODE),
    ("code with a blank", "card_security_code", " 123 ", CODE),
    ("code in json in a string", "payload", '{"card": {"cvv": "123"}}', CODE),
    ("code in a sentence", "note", "the CVV is 123", CODE),
    ("code in a form body", "note", "amount=5&csc=999", CODE),
    ("code in words", "note", "security code: 9997", CODE),
    ("account by name", "check.account_number", "123456", BANK),
    ("short account by name", "bank_account.account_number", "1234", BANK),
    ("account in v3", "accountNumber", "123456789012", BANK),
    ("legacy account name", "DDA", "12345678", BANK),
    ("routing by name", "routing_number", "325070760", BANK),
    ("legacy routing name", "TR", "325070760", BANK),
    ("deposit account", "direct_deposit_account", "99887766", BANK),
    ("iban by name", "iban", "DE89370400440532013000", BANK),
    ("iban in a sentence", "note", "pay to DE89 3704 0044 0532 0130 00 please", BANK),
    ("routing in a sentence", "note", "routing 325070760", BANK),
    ("account in a sentence", "note", "bank account: 12345678901", BANK),
]

TOO_DEEP: list[tuple[str, str, Any]] = [
    ("json too deep to tell", "payload", "[" * 300 + f'"{VISA}"' + "]" * 300),
    ("json deeper than its reader", "payload", "[" * 5000 + f'"{VISA}"' + "]" * 5000),
    ("json deeper than its reader in json", "payload", json.dumps({"a": "[" * 5000})),
    ("encoded too often to tell", "note", encoded(VISA + " %", 9)),
    ("nested too deep", "body", json.loads("[" * 200 + "]" * 200)),
]

NEAR_MISSES: list[tuple[str, str, Any]] = [
    ("nothing", "note", ""),
    ("none", "note", None),
    ("a truth", "csc", True),
    ("wrong check digit", "note", "4111111111111112"),
    ("no issuer has it", "note", "9999999999999995"),
    ("too short", "note", "411111111111"),
    ("masked by stars", "credit_card.masked_number", "************5439"),
    ("masked by x", "masked_card_number", "xxxxxxxxxxxx5439"),
    ("first six and last four", "masked_number", "411111******1111"),
    ("transaction id", "transaction_id", 395970044),
    ("order number", "order", "2026-11-24-000451"),
    ("clock", "created_at", "2026-11-24T12:00:00.123456+00:00"),
    ("us clock", "created.at", "4/10/2015 4:06:30 PM"),
    ("log line", "line", "2026-11-24 03:19:15,123 INFO 4 5511 took 12 ms, offset 88213, partition 4"),
    ("microseconds", "observed_at", 1795491716282734),
    ("nanoseconds", "at", 1795491716282734123),
    ("uuid", "id", "41111111-1111-4111-8111-111111111111"),
    ("hash", "digest", "4111111111111111a4111111111111111f4111111111111111e4111111111111"),
    ("phone", "phone", "+1 415 555 0132 ext 4411"),
    ("phone german", "phone", "+49 721 9672 1234 0"),
    ("columns of numbers", "line", "41 111 1111 11 11111"),
    ("money", "amount", "4,111,111.11"),
    ("money table", "note", "12.50 13.75 14.00 15.25 16.50"),
    ("sum of many fields", "body", {"a": 4111, "b": 1111, "c": 1111, "d": 1111}),
    ("two parts only", "body", ["4111", "1111"]),
    ("csc answer", "csc_response", "No Match"),
    ("csc answer word", "csc_response", "Match"),
    ("code of another kind", "response_code", "103"),
    ("status code", "status_code", "571"),
    ("cid of a customer", "cid", "123"),
    ("ledger account", "account_number", "14000"),
    ("customer account", "customer_account", "7001234"),
    ("masked account", "account_number", "*****6789"),
    ("nine digits without a word", "note", "325070760"),
    ("nine digits, wrong check digit", "note", "routing 325070761"),
    ("vat id", "vat_id", "DE811569869"),
    ("abas number", "invoice_number", "RE-100451"),
    ("tracking number", "tracking", "1Z999AA10123456784"),
    ("isbn", "note", "978-3-16-148410-0"),
    ("iban with a wrong digit", "note", "DE88 3704 0044 0532 0130 00"),
    ("a time and a name that fit an Austrian iban", "made", '{"at":"11/19/2026 12:00:00 PM","by":"demo123"}'),
    ("base64 of something else", "blob", base64.b64encode(b"hello world, how are you").decode()),
    ("broken json", "payload", '{"card": '),
    ("percent sign", "note", "100 % of 4111"),
    ("token", "token", "5a1c7e9a-77de-4d5e-9d57-1f6ad3e0b4a1"),
    ("deep nesting", "body", json.loads("[" * 50 + "]" * 50)),
]


@pytest.mark.parametrize("number", TEST_CARDS)
def test_test_cards_are_card_numbers(number: str) -> None:
    assert is_card_number(number)


@pytest.mark.parametrize(("what", "path", "value", "kind"), POSITIVES, ids=[entry[0] for entry in POSITIVES])
def test_sensitive_things_are_found(what: str, path: str, value: Any, kind: SensitiveKind) -> None:
    assert kind in {finding.kind for finding in scan(value, path)}, what


@pytest.mark.parametrize(("what", "path", "value"), TOO_DEEP, ids=[entry[0] for entry in TOO_DEEP])
def test_what_is_too_deep_to_look_into_is_a_finding(what: str, path: str, value: Any) -> None:
    assert DEEP in {finding.kind for finding in scan(value, path)}, what


@pytest.mark.parametrize(("what", "path", "value"), NEAR_MISSES, ids=[entry[0] for entry in NEAR_MISSES])
def test_what_only_looks_alike_passes(what: str, path: str, value: Any) -> None:
    assert find_sensitive(path, value) is None, what


@pytest.mark.parametrize(("what", "path", "value", "kind"), POSITIVES, ids=[entry[0] for entry in POSITIVES])
def test_a_finding_never_holds_the_value(what: str, path: str, value: Any, kind: SensitiveKind) -> None:
    finding = find_sensitive(path, value)
    assert finding is not None
    assert find_sensitive("", finding.field_path) is None, what
    assert "1111111111" not in repr(finding)


def test_a_finding_names_the_field_on_its_way_down() -> None:
    finding = find_sensitive("body", {"order": {"items": [{"note": "x"}, {"note": VISA}]}})
    assert finding is not None
    assert finding.field_path == "body.order.items[1].note"


def test_every_finding_is_reported() -> None:
    findings = list(scan({"csc": "999", "pan": VISA, "routing_number": "325070760"}))
    assert [(finding.field_path, finding.kind) for finding in findings] == [
        ("csc", CODE),
        ("pan", CARD),
        ("routing_number", BANK),
    ]


@pytest.mark.parametrize("number", TEST_CARDS)
@pytest.mark.parametrize("gap", ["", " ", "-", " - ", "."])
def test_masking_leaves_the_last_four(number: str, gap: str) -> None:
    text = f"card {gap.join(number[index : index + 4] for index in range(0, len(number), 4))} end"
    assert mask_card_numbers(text) == f"card {mask_of(number)} end"


def test_masking_withholds_what_hides_in_an_encoding() -> None:
    percent = "".join(f"%{ord(digit):02X}" for digit in VISA)
    for text in (percent, base64.b64encode(VISA.encode()).decode(), json.dumps({"pan": percent})):
        assert mask_card_numbers(text) == "[withheld: CARD_NUMBER]"


@pytest.mark.parametrize(
    "text", [quote("4111 1111 1111 1111"), "4111&nbsp;1111&nbsp;1111&nbsp;1111", "4111&#160;1111%2D1111+1111"]
)
def test_an_encoded_sign_is_a_sign(text: str) -> None:
    for mask in (mask_card_numbers, mask_reference, mask_sensitive):
        assert mask(text) == mask_reference(VISA)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # any sign between the groups of a card number
        *((f"Karte {sign.join(('4111', '1111', '1111', '1111'))}, danke", "Karte ") for sign in "=;>#)(\u00d7\u2022"),
        ("(4111) 1111 1111 1111", "("),
        ("[4111; 1111; 1111; 1111]", "["),
        # IBANs as they are typed, glued and cut up
        *(
            (text, "")
            for text in (
                "IBANDE89370400440532013000",
                "ibande89 3704 0044 0532 0130 00",
                "KontoDE89370400440532013000",
                "DE89370400440532013000BIC",
                "DE 89 3704 0044 0532 0130 00",
                "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0",
                *(sign.join(("DE89", "3704", "0044", "0532", "0130", "00")) for sign in "/_,|\t\n\u2013"),
                "\uff24\uff25\uff18\uff19\uff13\uff17\uff10\uff14\uff10\uff10\uff14\uff14\uff10\uff15\uff13\uff12\uff10\uff11\uff13\uff10\uff10\uff10",
            )
        ),
        # accounts
        ("A/C no 12345678", "A/C no "),
        ("acc. no. 12345678", "acc. no. "),
        ("DDA 12345678", "DDA "),
        ("account: 12345678", "account: "),
        ("routing 021000021 account 12345678", "routing "),
        ("Konto 123 456 78", "Konto "),
        ("account number 053 201 3000", "account number "),
    ],
)
def test_what_an_examiner_typed_is_masked(text: str, left: str) -> None:
    for mask in (mask_sensitive, mask_reference):
        masked = mask(text)
        assert masked.startswith(left)
        assert MASK.search(masked)
        rest = MASK.sub("", masked)
        assert len(re.findall(r"[0-9\uff10-\uff19]", rest)) == 0, masked
        assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "C V V 123",
        "c.v.v. 123",
        "sec code 123",
        "3-digit code 123",
        "code on the back 123",
        "Code auf der Rückseite: 123",
        "dreistelliger Code 123",
        "CVV\uff12: \uff11\uff12\uff13",
    ],
)
def test_security_codes_under_other_labels_are_dropped(text: str) -> None:
    assert not re.search("123|\uff11\uff12\uff13", mask_sensitive(text))
    assert not re.search("123|\uff11\uff12\uff13", mask_reference(text))


@pytest.mark.parametrize(
    "text",
    [
        "customer account 12345678",
        "your account. Invoice 123456789",
        "on account, invoice 12345678",
        "Konto 1200 100,00",
        "Konto 8400 12.03.2026",
        "Kundenkonto 123456",
        "discount code 123",
        "code 1234 digits",
        "de 10 Artikel zu 20 EUR",
        "a=1234 b=5678 c=90123",
        "RE 10001; 10002; 10003",
        "100%20 = 5",
        "Art. DE12.3456.7890.1234.5678",
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert mask_sensitive(text) == text
    assert mask_reference(text) == text


def test_a_reference_hides_no_number_in_base64() -> None:
    for inner in (VISA, f"pan={VISA}", "DE89 3704 0044 0532 0130 00"):
        for encoded in (base64.b64encode(inner.encode()).decode(), base64.urlsafe_b64encode(inner.encode()).decode()):
            masked = mask_reference(f"ref {encoded.rstrip('=')}")
            assert MASK.search(masked), inner
            assert encoded.rstrip("=") not in masked
            assert mask_reference(masked) == masked


@pytest.mark.parametrize("text", ["[" * 5000 + VISA, encoded("x" * 20 + " %", 9)])
def test_masking_withholds_what_is_too_deep_to_tell(text: str) -> None:
    assert mask_card_numbers(text) == "[withheld: TOO_DEEP]"


@pytest.mark.parametrize(("what", "path", "value", "kind"), POSITIVES, ids=[entry[0] for entry in POSITIVES])
def test_what_people_type_is_masked_whatever_its_kind(what: str, path: str, value: Any, kind: SensitiveKind) -> None:
    if isinstance(value, str):
        masked = mask_sensitive(value)
        assert find_sensitive("", masked) is None, what
        assert mask_sensitive(masked) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("card 4111 1111 1111 1111, CVV 123, thanks", "card ************1111#@, CVV ***, thanks"),
        ("routing 325070760 bank account: 12345678901", "routing ************0760#@ bank account: ************8901#@"),
        ("pay to DE89 3704 0044 0532 0130 00 please", "pay to ************3000#@ please"),
        ("4111 1111 1111 1111 12/30 123", "************1111#@ 12/30 ***"),
        ("41111111111111111230123", "************1111#@1230***"),
        (";4111111111111111=25121011234?", "************1111#@ [track data dropped]"),
        ("4111111111111111D25121011234", "************1111#@ [track data dropped]"),
        ("%B4111111111111111^DOE/JO^2512101?", "************1111#@ [track data dropped]"),
        ("invoice RE-100451 of 2026-11-24", "invoice RE-100451 of 2026-11-24"),
    ],
)
def test_masking_leaves_what_a_person_needs(text: str, masked: str) -> None:
    assert re.sub(r"#[BCDFGHJKLMNPQRST]{16}", "#@", mask_sensitive(text)) == masked


def test_masking_leaves_other_texts_alone() -> None:
    for _, _, value in NEAR_MISSES:
        if isinstance(value, str):
            assert mask_card_numbers(value) == value
            assert mask_sensitive(value) == value


@pytest.mark.parametrize("digits", ["325070760", "021000021", "011401533"])
def test_routing_numbers_have_their_check_digit(digits: str) -> None:
    assert is_routing_number(digits)
    assert not is_routing_number(digits[:-1] + str((int(digits[-1]) + 1) % 10))


def luhn_complete(payload: str) -> str:
    return next(payload + str(digit) for digit in range(10) if has_luhn_digit(payload + str(digit)))


cards = st.one_of(
    st.from_regex(r"4[0-9]{14}", fullmatch=True),
    st.from_regex(r"5[1-5][0-9]{13}", fullmatch=True),
    st.from_regex(r"3[47][0-9]{12}", fullmatch=True),
    st.from_regex(r"6011[0-9]{11}", fullmatch=True),
).map(luhn_complete)
context = st.text(alphabet=st.characters(exclude_categories=("Cs", "Nd")), max_size=20)


@given(cards, context, context)
def test_any_card_number_in_any_text_is_found_and_masked(number: str, before: str, after: str) -> None:
    text = f"{before}{number}{after}"
    assert find_sensitive("note", text) is not None
    masked = mask_card_numbers(text)
    assert number not in masked
    assert CARD not in {finding.kind for finding in scan(masked, "note")}


@given(cards, st.lists(st.sampled_from([" ", "-", ".", "\u00a0", " - "]), min_size=4, max_size=4))
def test_any_card_number_in_groups_is_found(number: str, gaps: list[str]) -> None:
    sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
    parts, start = [], 0
    for size in sizes:
        parts.append(number[start : start + size])
        start += size
    text = "".join(part + gap for part, gap in zip(parts, gaps, strict=False))
    assert CARD in {finding.kind for finding in scan(text, "note")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_no_value_makes_the_scanner_fail(value: Any) -> None:
    for finding in scan(value, "body"):
        assert finding.field_path.startswith("body")


hidings = st.sampled_from(
    [json.dumps, quote, lambda text: base64.b64encode(text.encode()).decode(), lambda text: json.dumps({"a": [text]})]
)


@given(cards, st.lists(hidings, max_size=12), context)
def test_whatever_it_is_wrapped_in_it_is_found_or_refused(number: str, wraps: list[Any], before: str) -> None:
    text = f"{before} {number}"
    for wrap in wraps:
        text = wrap(text)
    assert find_sensitive("note", text) is not None
    masked = mask_sensitive(text)
    assert number not in masked
    assert find_sensitive("note", masked) is None


@given(st.text(alphabet='[]{}":,%&;#0123456789 =+/abcdefABCDEF-', max_size=400))
def test_texts_made_of_what_encodings_are_made_of_do_no_harm(text: str) -> None:
    masked = mask_sensitive(text)
    assert find_sensitive("", masked) is None
    assert mask_sensitive(masked) == masked


@given(st.text())
def test_masking_is_done_after_one_pass(text: str) -> None:
    masked = mask_card_numbers(text)
    assert mask_card_numbers(masked) == masked


@pytest.mark.thorough
@pytest.mark.parametrize("shape", ["{0}", "{0}{0}", "dispute:{0}", "main/2026-11-28/{0}", "{1}"])
def test_no_hash_and_no_uuid_is_a_number(shape: str) -> None:
    """Event ids are hashes: a masked one is another id, and a process without a guard key can't write it."""
    for number in range(20_000):
        digest = hashlib.sha256(str(number).encode()).hexdigest()[:32]
        text = shape.format(digest, UUID(digest))
        assert mask_reference(text) == text
        assert mask_sensitive(text) == text


@given(
    st.lists(st.sampled_from([*"%019afAF+ z", "\u00e9", "\u20ac", "\uff14", "%C3%A9", "%E2%82", "%34"])).map("".join)
)
def test_what_is_percent_encoded_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert scanning._unquoted(text) == unquote_plus(text)
