from __future__ import annotations

import pytest

from sealmq.kit.middleware.licences import Terms, terms_of


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("Apache-2.0", Terms.FREE),
        ("BSD-3-Clause", Terms.FREE),
        ("Apache-2.0 OR GPL-2.0-or-later", Terms.FREE),
        ("MIT AND (Apache-2.0 OR GPL-2.0-or-later)", Terms.FREE),
        ("MIT AND GPL-2.0-or-later", Terms.COPYLEFT),
        ("MIT and gpl-2.0", Terms.UNKNOWN),
        ("GPL-3.0-or-later", Terms.COPYLEFT),
        ("GPL-2.0-only WITH Classpath-exception-2.0 OR LicenseRef-wolfSSL-commercial", Terms.PAID),
        ("GPL-2.0-or-later OR LicenseRef-commercial", Terms.PAID),
        ("LicenseRef-ours", Terms.UNKNOWN),
        ("Apache-2.0 AND LicenseRef-ours", Terms.UNKNOWN),
        ("", Terms.UNKNOWN),
        ("(Apache-2.0", Terms.FREE),
        ("MIT AND", Terms.UNKNOWN),
        ("(((", Terms.UNKNOWN),
    ],
)
def test_an_expression_is_as_good_as_its_best_choice(expression: str, terms: Terms) -> None:
    assert terms_of(expression) is terms
