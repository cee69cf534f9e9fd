"""1,000 random towers and heads against full autograd: `python benchmarks/zoo.py [NUMBER] [SEED]`.

Prints how many maps were right to 1e-6, how many models were refused and why, and every wrong one.
"""

import sys
from collections import Counter
from pathlib import Path

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))

import zoo


def main(number: int, first: int) -> int:
    account = zoo.Account()

    @seed(first)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(zoo.plans())
    def all_of_them(plan: zoo.Plan) -> None:
        zoo.judge(plan, account)

    all_of_them()
    print(f"right {account.right}, refused {len(account.refused)}, wrong {len(account.wrong)}")
    for (quirk, why), count in Counter((p.quirk, e) for p, e in account.refused).items():
        print(f"  refused {count} ({quirk or 'ordinary'}): {why}")
    for plan, error in account.wrong:
        print(f"  wrong by {error:.1e}: {plan}")
    return len(account.wrong)


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [1000, 0][len(numbers) :])) > 0)
