"""What rewards do by the clock."""

from __future__ import annotations

from marketplace.rewards.selectors.public import PUBLIC
from marketplace.rewards.services.goods_imports import FORGET_LISTS, LOAD
from marketplace.rewards.services.handing_over import EXPIRE, REMIND
from marketplace.rewards.services.shelf import APPLY_PRICES
from marketplace.rewards.services.wishes import FORGET_WISHES
from timebank.common.figures import sweep_of

SWEEPS = [EXPIRE, REMIND, APPLY_PRICES, FORGET_WISHES, LOAD, FORGET_LISTS, sweep_of(PUBLIC)]
