"""Spellings of one place compare equal, other places don't, and what is wrong is named by field and never shown."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.common.address import Address, is_same_place, normalised

SAME = [
    (
        Address("Hauptstraße 12 a", "70173", "Stuttgart", "", "DE"),
        Address("HAUPTSTR. 12A", "D-70173", "stuttgart", "", "Deutschland"),
    ),
    (
        Address("Königsallee 1", "40212", "Düsseldorf", "", "DE"),
        Address("Koenigsallee 1", "40212", "DUESSELDORF", "", ""),
    ),
    (
        Address("Königsallee 1", "40212", "Düsseldorf", "", "DE"),
        Address("Konigsallee 1", "40212", "Dusseldorf", "", "de"),
    ),
    (
        Address("Lange Straße 7", "60311", "Frankfurt am Main", "", "DE"),
        Address("Lange Str. 7", "60311", "Frankfurt a. M.", "", "DE"),
    ),
    (
        Address("Marktplatz 3", "79098", "Freiburg im Breisgau", "", "DE"),
        Address("Marktpl. 3", "79098", "Freiburg", "", "DE"),
    ),
    (
        Address("Karl-Marx-Straße 5", "12043", "Berlin", "", "DE"),
        Address("Karl-Marx-Str 5", "12043", "Berlin", "", "DE"),
    ),
    (
        Address("123 North Main Street", "02139-4307", "Cambridge", "MA", "US"),
        Address("123 N MAIN ST.", "02139", "CAMBRIDGE", "Massachusetts", "USA"),
    ),
    (
        Address("500 Fifth Avenue, Suite 400", "10110", "New York", "NY", "US"),
        Address("500 FIFTH AVE # 400", "101100001", "New York", "", "U.S.A."),
    ),
    (
        Address("1 Fort Road", "63101", "Saint Louis", "MO", "US"),
        Address("1 Fort Rd", "63101", "St. Louis", "mo", "United States"),
    ),
    (
        Address("10 Downing Street", "SW1A 2AA", "London", "", "GB"),
        Address("10 Downing St", "sw1a2aa", "LONDON", "", "England"),
    ),
    (
        Address("12, rue de l'Église", "75015", "Paris", "", "FR"),
        Address("12 RUE DE L EGLISE".replace("L E", "L\u2019E"), "F-75015", "PARIS CEDEX 15", "", "France"),
    ),
    (
        Address("3 avenue du Général Leclerc", "35000", "Saint-Malo", "", "FR"),
        Address("3 av. du general leclerc", "35000", "ST MALO", "", "FR"),
    ),
    (
        Address("丸の内１丁目９番２号", "〒100-0005", "千代田区", "東京都", "JP"),
        Address("丸の内1-9-2", "1000005", "千代田区", "Tokyo", "日本"),
    ),
    (Address("Main St 1", "99999", "Nowhere", "", ""), Address("MAIN ST  1", "99999", "nowhere", "", "")),
]

OTHER = [
    (Address("Hauptstr. 12", "70173", "Stuttgart", "", "DE"), Address("Hauptstr. 12a", "70173", "Stuttgart", "", "DE")),
    (Address("Hauptstr. 12", "70173", "Stuttgart", "", "DE"), Address("Hauptstr. 12", "70174", "Stuttgart", "", "DE")),
    (Address("Hauptstr. 1", "54668", "Prümzurlay", "", "DE"), Address("Hauptstr. 1", "54668", "Holsthum", "", "DE")),
    (
        Address("Kirchweg 1", "", "Frankfurt am Main", "", "DE"),
        Address("Kirchweg 1", "", "Frankfurt an der Oder", "", "DE"),
    ),
    (
        Address("1 N Main St", "02139", "Cambridge", "MA", "US"),
        Address("1 S Main St", "02139", "Cambridge", "MA", "US"),
    ),
    (Address("1 Main St", "", "Springfield", "MA", "US"), Address("1 Main St", "", "Springfield", "IL", "US")),
    (Address("Bahnhofstr. 1", "8001", "Zürich", "", "CH"), Address("Bahnhofstr. 1", "8001", "Zürich", "", "AT")),
    (Address("Main St 1", "", "", "", "US"), Address("Main St 1", "", "", "", "US")),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=range(len(SAME)))
def test_spellings_of_one_place_are_the_same(one: Address, other: Address) -> None:
    assert is_same_place(one, other)
    assert is_same_place(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER, ids=range(len(OTHER)))
def test_two_places_stay_two(one: Address, other: Address) -> None:
    assert not is_same_place(one, other)
    assert not is_same_place(other, one)


def test_a_missing_country_is_that_of_the_other_or_of_the_company() -> None:
    one, other = Address("Hauptstraße 1", "70173", "Stuttgart"), Address("Hauptstr. 1", "70173", "Stuttgart")
    assert not is_same_place(one, other), "without a country no abbreviation is known"
    assert is_same_place(one, other, "DE")


def test_an_address_shows_none_of_its_values() -> None:
    given_address = Address("Hauptstr. 1", "70173", "Stuttgart", "Baden", "DE")
    shown = repr(given_address) + repr(normalised(given_address))
    assert not any(getattr(given_address, part.name) in shown for part in fields(given_address)[:4])


def test_codes_are_written_as_their_country_does() -> None:
    assert normalised(Address("1 Main St", "021394307", "Cambridge", "massachusetts", "usa")).address == Address(
        "1 Main St", "02139-4307", "Cambridge", "MA", "US"
    )
    assert normalised(Address("", "ec1a1bb", "", "", "uk")).address.postal_code == "EC1A 1BB"


TEXTS = st.text(max_size=20)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(["", "DE", "US", "GB", "FR", "JP", "Atlantis", "ch"]))
def test_any_text_has_a_key_and_normalising_again_changes_nothing(
    street: str, code: str, town: str, region: str, country: str
) -> None:
    first = normalised(Address(street, code, town, region, country))
    again = normalised(first.address)
    assert (again.address, again.key) == (first.address, first.key)
