"""From addresses and names to countries."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from features import country_names
from features.countries import CountryTable, country_name, load_country_table
from features.country_names import country_code
from features.declared import COUNTRIES, UNKNOWN, feature_hash
from tests.features.csv_files import HEADER, IP_HEADER, ROW, ecommerce_file


def table(folder: Path, *rows: str) -> CountryTable:
    return load_country_table(ecommerce_file(folder, *rows, header=IP_HEADER))


def countries(table: CountryTable, *addresses: str | None) -> list[str]:
    return [COUNTRIES[code] for code in table.codes(addresses).tolist()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def built_in() -> CountryTable:
    return load_country_table(None)


def test_the_built_in_table_knows_well_known_addresses(built_in: CountryTable) -> None:
    found = countries(built_in, "8.8.8.8", "2001:4860:4860::8888", "193.0.6.139")
    assert found == ["US", "US", "NL"]


def test_what_no_registry_gave_away_is_unknown(built_in: CountryTable) -> None:
    found = countries(built_in, None, "10.0.0.1", "255.255.255.255", "::1", "not an address")
    assert found == [UNKNOWN] * 5


def test_tables_say_what_they_are(built_in: CountryTable, folder: Path) -> None:
    assert "iptocc" in built_in.source
    assert "MIT or Apache-2.0" in built_in.source
    assert "own" in table(folder, "1,2,FR").source


def test_an_own_table_gives_its_ranges_with_both_ends(folder: Path) -> None:
    own = table(folder, "1.0.0.0,1.0.0.255,AU", "1.0.1.0,1.0.3.255,CN", "2001:db8::,2001:db8::f,DE")
    addresses = ("0.255.255.255", "1.0.0.0", "1.0.0.255", "1.0.1.0", "1.0.3.255", "1.0.4.0")
    assert countries(own, *addresses) == [UNKNOWN, "AU", "AU", "CN", "CN", UNKNOWN]
    addresses = ("2001:db7:ffff::", "2001:db8::", "2001:db8::f", "2001:db8::10", "::", "ffff::")
    assert countries(own, *addresses) == [UNKNOWN, "DE", "DE", UNKNOWN, UNKNOWN, UNKNOWN]
    assert countries(own, None, "1.0.0.1", "no address", "2001:db8::1") == [
        UNKNOWN, "AU", UNKNOWN, "DE",
    ]  # fmt: skip


def test_no_addresses_give_no_codes(folder: Path, built_in: CountryTable) -> None:
    for any_table in (built_in, table(folder, "1,2,FR")):
        codes = any_table.codes([])
        assert codes.shape == (0,)
        assert codes.dtype.name == "int16"


@given(
    st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=24, unique=True).map(sorted),
    st.lists(st.integers(0, 2**32 - 1) | st.none(), max_size=20),
    st.booleans(),
)
def test_lookups_agree_with_a_search_through_every_range(
    folder: Path, ends: list[int], asked: list[int | None], six: bool
) -> None:
    def address(value: int) -> str:
        # Many zero bytes at both ends, which must not get lost.
        return str(ipaddress.IPv6Address(value << 64) if six else ipaddress.IPv4Address(value))

    names = ("FR", "DE", "European Union", "JP")
    ranges = list(zip(ends[::2], ends[1::2], [*names] * 3, strict=False))
    own = table(folder, *(f"{address(low)},{address(high)},{name}" for low, high, name in ranges))
    asked += ends
    expected = [
        next((name for low, high, name in ranges if value is not None and low <= value <= high), "")
        for value in asked
    ]
    found = countries(own, *(None if value is None else address(value) for value in asked))
    assert found == [name if len(name) == 2 else UNKNOWN for name in expected]


def test_the_digest_tells_what_a_table_says_and_not_how_it_is_written(folder: Path) -> None:
    one = table(folder, "16777216,16777471,Australia", "16777472,16777727,China")
    again = table(
        folder, "1.0.1.0,1.0.1.99,CN", "16777216.0,16777471,AU", "1.0.1.100,1.0.1.255,CHN",
        "5.0.0.0,5.0.0.255,European Union",
    )  # fmt: skip
    other = table(folder, "16777216,16777471,Australia", "16777472,16777727,Japan")
    shorter = table(folder, "16777216,16777471,Australia", "16777472,16777726,China")
    assert one.digest == again.digest
    assert len({one.digest, other.digest, shorter.digest}) == 3
    assert feature_hash("ecommerce", one.digest) != feature_hash("ecommerce", other.digest)


def test_repairs_of_a_table_are_logged_once_without_its_contents(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table(folder, "16777216.0,16777471,Australia", "1,2,Narnia")
    (record,) = caplog.records
    assert "1 ranges, 1 values repaired, 1 lines rejected" in record.getMessage()
    assert "Narnia" not in record.getMessage()


def test_a_file_that_is_no_table_is_one_clear_error(folder: Path) -> None:
    with pytest.raises(DataError, match="not a table of IP ranges"):
        load_country_table(ecommerce_file(folder, ROW, header=HEADER))
    with pytest.raises(ConfigError, match="does not exist"):
        load_country_table(folder / "no.csv")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Korea Republic of", "KR"),
        ("Korea Democratic People's Republic of", "KP"),
        ("Iran (ISLAMIC Republic Of)", "IR"),
        ("Taiwan; Republic of China (ROC)", "TW"),
        ("Virgin Islands (U.S.)", "VI"),
        ("Virgin Islands (BRITISH)", "VG"),
        ("Bonaire; Sint Eustatius; Saba", "BQ"),
        ("Congo The Democratic Republic of The", "CD"),
        ("Congo", "CG"),
        ("Cote D'ivoire", "CI"),
        ("Croatia (LOCAL Name: Hrvatska)", "HR"),
        ("St. Pierre and Miquelon", "PM"),
        ("Trinidad & Tobago", "TT"),
        ("Turkey", "TR"),
        ("Burma", "MM"),
        ("Zaire, Republic of", "CD"),
        ("East Timor", "TL"),
        ("UNITED STATES", "US"),
        ("united kingdom", "GB"),
        ("Niger", "NE"),
        ("Nigeria", "NG"),
        ("DE", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("UK", "GB"),
        ("AND", "AD"),
        ("European Union", UNKNOWN),
        ("EU", UNKNOWN),
        ("Netherlands Antilles", UNKNOWN),
        ("Anonymous Proxy", UNKNOWN),
        ("Can", None),
        ("Narnia", None),
        ("", None),
        ("the", None),
        ("日本", None),
    ],
)
def test_names_of_countries(name: str, code: str | None) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize("field", ["name", "official_name", "common_name", "alpha_2", "alpha_3"])
def test_every_country_is_found_by_each_of_its_names(field: str) -> None:
    for country in pycountry.countries:
        if (name := getattr(country, field, None)) is not None:
            assert country_code(name) == country.alpha_2


def test_other_spellings_contradict_no_name_of_iso_and_are_needed() -> None:
    iso = {
        country_names._key(name)
        for country in pycountry.countries
        for field in ("name", "official_name", "common_name")
        if (name := getattr(country, field, None)) is not None
    }
    for spelling, code in country_names._ALIASES.items():
        assert code in COUNTRIES
        assert country_names._key(spelling) not in iso, spelling


def test_countries_have_the_names_people_use() -> None:
    assert country_name("TW") == "Taiwan"
    assert country_name("US") == "United States"
    assert country_name(UNKNOWN) == "Unknown"
    assert all(country_name(alpha2) != "Unknown" for alpha2 in COUNTRIES[1:])
