"""The routes of what is learnt. All of them ask for a key with the scope `learn`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from tecla.errors import InputError, QuotaError
from tecla.serve.guard import Caller
from tecla.serve.http_routes import Calling
from tecla.serve.learn_wire import (
    MOST_FOUND,
    MOST_LISTED,
    MOST_QUERY_CHARS,
    USUAL_LISTED,
    ForgetAnswer,
    ForgetRequest,
    LearnAnswer,
    LearnedAnswer,
    LearnRequest,
    OwnerFields,
    SearchAnswer,
    SearchRequest,
    known_document,
    learnt_document,
    passage,
    usage,
)
from tecla.serve.metrics import Metrics
from tecla.serve.naming import store_name
from tecla.serve.service import Service
from tecla.serve.wire import Name, Text
from tecla.store.owners import Owner

_LINES: Final = "application/x-ndjson"
_MOST_ID: Final = 2**63 - 1
_IN_BODY: Final = "this path has none, its fields go into the body"
_IN_PARTS: Final = (
    "send them in several requests, a long text in parts with sources of their own, or have "
    "`chars` raised, of the service or of the key"
)


def make_learn_router(service: Service, metrics: Metrics) -> APIRouter:
    """All of them, for one service."""
    router, library = APIRouter(dependencies=[Depends(_no_other_parameters)]), service.library

    @router.post("/v1/learn", summary="Learn texts for a user or a collection")
    async def learn(asked: LearnRequest, caller: Calling) -> LearnAnswer:
        """When it answers, what was learnt is suggested and found."""
        caller.check("learn")
        caller.check_chars(sum(len(each.text) for each in asked.documents), _IN_PARTS)
        with caller.at_work():
            try:
                found = await library.learn(_owner(caller, asked), caller.key_id, asked.given())
            except QuotaError:
                metrics.quota_refusals.inc()
                raise
        metrics.learnt.inc(sum(each.state == "learnt" for each in found.became))
        told = [
            learnt_document(each.source, became)
            for each, became in zip(asked.documents, found.became, strict=True)
        ]
        return LearnAnswer(documents=told, used=usage(found.used, library.quota))

    @router.get("/v1/learned", summary="What was learnt for a user or a collection")
    async def learned(
        caller: Calling,
        user: Name = "",
        collection: Name = "",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = USUAL_LISTED,
        after: Annotated[int, Query(ge=0, le=_MOST_ID)] = 0,
    ) -> LearnedAnswer:
        """Documents without their text, the oldest first, and how much of its quota the key has."""
        caller.check("learn")
        owner = _owner(caller, _named(user, collection))
        with caller.at_work():
            page = await library.listed(owner, caller.key_id, after=after, limit=limit)
        return LearnedAnswer(
            documents=[known_document(each) for each in page.documents],
            after=page.documents[-1].id if page.more else None,
            used=usage(page.used, library.quota),
        )

    @router.post("/v1/forget", summary="Forget documents, a user or a collection", responses=_NONE)
    async def forget(asked: ForgetRequest, caller: Calling) -> ForgetAnswer:
        """When it answers, nothing of it is in a file of the service or in an answer that comes."""
        caller.check("learn")
        sources = None if asked.everything else asked.sources
        with caller.at_work():
            gone = await library.forget(_owner(caller, asked), caller.key_id, sources)
        metrics.forgotten.inc(gone.documents)
        return ForgetAnswer(
            documents=gone.documents, chars=gone.chars, used=usage(gone.used, library.quota)
        )

    @router.get(
        "/v1/export",
        summary="All that is known of a user or a collection, as lines of JSON",
        response_class=StreamingResponse,
        responses={200: {"content": {_LINES: {"schema": {"type": "string"}}}}, **_NONE},
    )
    async def export(caller: Calling, user: Name = "", collection: Name = "") -> Any:
        """First what there is, then settings, documents with their text, and feedback."""
        caller.check("learn")
        owner = _owner(caller, _named(user, collection))
        with caller.at_work():
            pieces = await library.export(owner, caller.key_id)
        return StreamingResponse(
            _while_at_work(caller, pieces),
            media_type=_LINES,
            headers={"content-disposition": 'attachment; filename="tecla.jsonl"'},
        )

    @router.get("/v1/search", summary="Passages of what was learnt, for a few words")
    async def search_for(
        caller: Calling,
        text: Annotated[Text, Query(max_length=MOST_QUERY_CHARS)],
        user: Name = "",
        collection: Annotated[list[Name] | None, Query(max_length=8)] = None,
        k: Annotated[int, Query(ge=1, le=MOST_FOUND)] = 5,
    ) -> SearchAnswer:
        """As the other one. What stands in an address may be logged on its way; a body is not."""
        asked = SearchRequest(text=text, user=user, collections=collection or [], k=k)
        return await found(asked, caller)

    @router.post("/v1/search", summary="Passages of what was learnt, for a text")
    async def search(asked: SearchRequest, caller: Calling) -> SearchAnswer:
        """They are found by words and by meaning, of the owners that are named alone."""
        return await found(asked, caller)

    async def found(asked: SearchRequest, caller: Caller) -> SearchAnswer:
        caller.check("learn")
        caller.check_chars(len(asked.text), "look for less")
        key_id = caller.key_id
        owners = [Owner("collection", store_name(key_id, each)) for each in asked.collections]
        if asked.user or not owners:
            owners.insert(0, Owner("user", store_name(key_id, asked.user)))
        with caller.at_work():
            passages = await library.search(owners, asked.text, asked.k)
        return SearchAnswer(found=[passage(each, key_id) for each in passages])

    return router


_NONE: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "nothing of this was learnt with this key"}
}


def _no_other_parameters(request: Request) -> None:
    """Whose documents are meant would be guessed where a parameter is passed over."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    names = [each.alias for each in route.dependant.query_params]
    for name in request.query_params:
        if name not in names:
            known = f"there are {', '.join(names)}" if names else _IN_BODY
            what = f"there is no such parameter; {known}"
            raise RequestValidationError(
                [{"type": "extra_forbidden", "loc": ("query", name), "msg": what}]
            )


def _named(user: str, collection: str) -> OwnerFields:
    """Those of a query; raises `InputError` for both at once."""
    if user and collection:
        raise InputError("user and collection are both there; a document belongs to one")
    return OwnerFields(user=user, collection=collection)


def _owner(caller: Caller, asked: OwnerFields) -> Owner:
    """Whose documents are meant, as the store knows them."""
    if asked.collection:
        return Owner("collection", store_name(caller.key_id, asked.collection))
    return Owner("user", store_name(caller.key_id, asked.user))


def _while_at_work(caller: Caller, pieces: Iterator[str]) -> Iterator[str]:
    """The pieces; it counts as a request at work until the last of them is taken."""
    with caller.at_work():
        yield from pieces
