"""Whether the values of a request can be meant at all, whatever the data."""

from __future__ import annotations

from cmr.pipeline.each_request import by_protocol
from cmr.pipeline.request import Request
from cmr.pipeline.search import check_rescore, check_scorer, searches
from cmr.precision import precision_of
from cmr.represent.dim_methods import check_method
from cmr.represent.precisions import check_precision
from cmr.represent.product_codes import check_parts
from cmr.represent.quantizer_kinds import quantizer_kind, quantizers_named


def check_values(request: Request) -> None:
    """Raise CmrError for precisions, dimensions, methods, quantisers or searches that do not exist,
    or not together.
    """
    for method in request.dim_methods:
        check_method(method)
    for name in quantizers_named(request.quantizers):
        quantizer_kind(name)
    precisions = [check_precision(name) for name in request.precisions or ()]
    for precision in precisions:
        for dim in request.dims or ():
            check_parts(precision_of(precision), dim)
    for one in by_protocol(request):
        for search in searches(one):
            for precision in precisions:
                check_rescore(search, precision)
                check_scorer(search, precision)
