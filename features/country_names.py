"""Country names as tables spell them ↔ ISO 3166-1 alpha-2 codes.

Promise: a name gets the code of one country that exists today, or of none; never a guess. Names
come from pycountry (ISO names, official and common ones, former countries with the successor that
ISO 3166-3 gives them) and a small table of other spellings. They are compared as sets of words, so
that "Korea Republic of", "Korea, Republic of" and "Republic of Korea" are one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pycountry

from features.declared import UNKNOWN

_WORD = re.compile(r"[a-z0-9]+")
_EMPTY_WORDS = frozenset({"the", "of", "and"})
_SAME_WORDS = {"st": "saint", "is": "islands"}

#: Spellings that ISO does not have.
_ALIASES = {
    "Bonaire": "BQ",
    "Bosnia and Herzegowina": "BA",
    "Brunei": "BN",
    "Burma": "MM",
    "Cape Verde": "CV",
    "Congo Brazzaville": "CG",
    "Congo Kinshasa": "CD",
    "Croatia (local name: Hrvatska)": "HR",
    "DR Congo": "CD",
    "Falkland Islands": "FK",
    "Great Britain": "GB",
    "Heard and McDonald Islands": "HM",
    "Holland": "NL",
    "Ivory Coast": "CI",
    "Libyan Arab Jamahiriya": "LY",
    "Macau": "MO",
    "Macedonia": "MK",
    "Macedonia, the former Yugoslav Republic of": "MK",
    "Micronesia": "FM",
    "Palestine": "PS",
    "Palestinian Territory": "PS",
    "Palestinian Territory, Occupied": "PS",
    "Pitcairn Islands": "PN",
    "Russia": "RU",
    "Saint Helena": "SH",
    "Saint Martin": "MF",
    "Sint Maarten": "SX",
    "Slovakia (Slovak Republic)": "SK",
    "Svalbard and Jan Mayen Islands": "SJ",
    "Swaziland": "SZ",
    "Taiwan; Republic of China (ROC)": "TW",
    "Turkey": "TR",
    "Vatican": "VA",
    "Vatican City": "VA",
    "Wallis and Futuna Islands": "WF",
}
#: What tables put where no single country holds the addresses.
_NO_COUNTRY = (
    "Anonymous Proxy", "Asia/Pacific Region", "Europe", "European Union", "Kosovo", "Other Country",
    "Private", "Reserved", "Satellite Provider", "Unknown",
)  # fmt: skip
#: Codes in use beside those of ISO 3166-1.
_OTHER_CODES = {
    "UK": "GB",
    **dict.fromkeys(("A1", "A2", "AP", "EU", "O1", "XK", "XX", "ZZ"), UNKNOWN),
}


def country_code(name: str) -> str | None:
    """The alpha-2 code for a country's name, alpha-2 or alpha-3 code.

    Names are taken in any case, codes only in capitals or small letters throughout: ``Can`` is
    not Canada but the rest of a name.

    Returns:
        The code; ``unknown`` for what is known to be no single country of ISO 3166-1
        ("European Union", "Anonymous Proxy", "Serbia and Montenegro"); None when the name is not
        known at all.
    """
    if len(name) in (2, 3) and (name.isupper() or name.islower()):
        return _codes().get(name.upper())
    return _names().get(_key(name))


@cache
def country_name(alpha2: str) -> str:
    """The name people use for the country with this code; ``Unknown`` for anything else."""
    country = pycountry.countries.get(alpha_2=alpha2)
    if country is None:
        return "Unknown"
    return str(getattr(country, "common_name", country.name))


@cache
def _codes() -> dict[str, str]:
    three = {country.alpha_3: country.alpha_2 for country in pycountry.countries}
    two = {country.alpha_2: country.alpha_2 for country in pycountry.countries}
    return _OTHER_CODES | three | two


@cache
def _names() -> dict[frozenset[str], str]:
    """Words of a name → code; the later of two sources wins."""
    codes = {_key(name): UNKNOWN for name in _NO_COUNTRY}
    for former in pycountry.historic_countries:
        successor = pycountry.countries.get(alpha_2=_successor(former))
        codes[_key(former.name)] = successor.alpha_2 if successor else UNKNOWN
    codes |= {_key(name): code for name, code in _ALIASES.items()}
    for field in ("official_name", "common_name", "name"):
        for country in pycountry.countries:
            if name := getattr(country, field, None):
                codes[_key(name)] = country.alpha_2
    return codes


def _successor(former: object) -> str:
    """ISO 3166-3: of four letters the last two are the new code; AA says that the old one stays."""
    four = str(getattr(former, "alpha_4", ""))
    return four[:2] if four[2:] == "AA" else four[2:]


def _key(name: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = (_SAME_WORDS.get(word, word) for word in _WORD.findall(plain))
    return frozenset(word for word in words if word not in _EMPTY_WORDS)
