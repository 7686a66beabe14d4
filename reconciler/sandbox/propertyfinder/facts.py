"""Lists of the vendor's values.

Facts: docs/portals/propertyfinder.md, "What POST and PATCH take" and "Calls".
"""

from __future__ import annotations

_COUNTRIES = (
    "AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BD BE BG BH BI BJ BM BN BO BR BS BT BW "
    "BY CA CC CD CF CG CH CI CK CL CM CN CO CR CU CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ "
    "FK FM FR GA GB GD GE GF GH GI GL GM GN GQ GR GT HK HN HR HU ID IE IL IN IO IQ IR IS IT JE JM "
    "JO JP KE KG KH KM KN KP KR KW KY KZ LA LB LC LK LR LT LU LV LY MA MD ME MG MK ML MM MN MR MT "
    "MU MV MW MX MY MZ NA NE NG NL NO NP NZ OM PA PE PF PH PK PL PR PS PT PW PY QA RO RS RU RW SA "
    "SC SD SE SG SI SK SL SN SO SR SS SV SY TC TD TF TG TH TJ TM TN TR TT TW TZ UA UG UM US UY UZ "
    "VE VG VI VN VU XK YE ZA ZM ZW"
)
NATIONALITIES = frozenset(_COUNTRIES.split())
"""The countries that are accepted."""

LANGUAGES = frozenset({*range(1, 31), *range(32, 71)})
"""The language numbers that are accepted."""

ROLES = {1: "Admin", 2: "Decision maker", 3: "Agent", 4: "Limited access"}
"""The roles that exist from the start."""

BASE_ROLES = (
    *("admin", "advisor", "agent", "basic_admin", "basic_user", "decision_maker", "finance"),
)
"""The keys of the vendor's own roles."""
