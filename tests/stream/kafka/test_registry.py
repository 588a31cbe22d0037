"""The remote registry against mock:// and against a real, if tiny, HTTP server."""

import base64
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.errors import ConfigError, IncompatibleSchemaError, SchemaError
from schemas.records import PACKAGE, RecordCodec, builtin
from schemas.registry import (
    FileRegistry,
    RegistryUnavailableError,
    UnknownSchemaError,
    value_subject,
)
from stream.kafka.registry import RemoteRegistry, open_registry

SUBJECT = value_subject("fraud.alerts")


class RegistryServer(ThreadingHTTPServer):
    """The endpoints of Confluent's protocol that the client uses, over a dict."""

    daemon_threads = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.subjects = {}
        self.overrides = {}
        self.requests = Counter()
        self.headers = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def add(self, subject, schema, **more):
        number = sum(map(len, self.subjects.values())) + 1
        text = schema if isinstance(schema, str) else json.dumps(schema)
        self.subjects.setdefault(subject, []).append({"id": number, "schema": text, **more})
        return number

    def answer(self, method, path, body):
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["schemas", "ids", wanted] if method == "GET":
                for versions in self.subjects.values():
                    for version in versions:
                        if version["id"] == int(wanted):
                            return 200, version
                return 404, {"error_code": 40403, "message": "Schema not found"}
            case ["subjects", subject, *rest] if method == "POST" or subject in self.subjects:
                return self.subject(method, subject, rest, body)
        return 404, {"error_code": 40401, "message": "Subject not found"}

    def subject(self, method, subject, rest, body):
        known = self.subjects.get(subject, [])
        if method == "POST":
            for version in known:
                if json.loads(version["schema"]) == json.loads(body["schema"]):
                    return 200, {"subject": subject, **version}
            if not rest:
                return 404, {"error_code": 40403, "message": "Schema not found"}
            return 200, {"id": self.add(subject, body["schema"])}
        if rest == ["versions"]:
            # The protocol promises no order.
            return 200, list(range(len(known), 0, -1))
        number = len(known) if rest[-1] == "latest" else int(rest[-1])
        return 200, {"subject": subject, "version": number, **known[number - 1]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.requests[f"{self.command} {path}"] += 1
        self.server.headers.append(self.headers)
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else None
        special = self.server.overrides.get(f"{self.command} {path}")
        if callable(special):
            special(self)
            self.close_connection = True
            return
        status, answer = special or self.server.answer(self.command, path, body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def never_answer(handler):
    handler.server.released.wait(30)


def drip(handler):
    """One byte now and then: each restarts an ordinary read timeout."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    try:
        while not handler.server.released.wait(0.05):
            handler.wfile.write(b" ")
    except OSError:
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with RegistryServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join(10)
    wait_for_requests_to_end()


def wait_for_requests_to_end():
    deadline = time.monotonic() + 10
    while any(thread.name == "schema-registry" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a request outlived its registry"
        time.sleep(0.01)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@contextmanager
def opened(place, *args, **kwargs):
    registry = RemoteRegistry(getattr(place, "url", place), *args, **kwargs)
    try:
        yield registry
    finally:
        registry.close()


def version(*names):
    fields = [{"name": name, "type": "int", "default": 0} for name in names]
    return {"type": "record", "name": "R", "fields": fields}


@pytest.fixture(params=["mock", "http"])
def place(request):
    return "mock://test" if request.param == "mock" else request.getfixturevalue("server").url


def test_a_registered_schema_is_found_by_id_subject_and_version(place):
    with opened(place, auto_register=True) as registry:
        first = registry.id_of(SUBJECT, version("a"))
        second = registry.id_of(SUBJECT, version("a", "b"))
        assert first != second
        assert registry.id_of(SUBJECT, version("a")) == first
        assert registry.schema_of(first) == version("a")
        assert registry.latest(SUBJECT) == (second, version("a", "b"))
        assert registry.versions(SUBJECT) == [(first, version("a")), (second, version("a", "b"))]


@pytest.mark.parametrize("topic", ["transaction", "label", "decision", "alert", "dead_letter"])
def test_the_shipped_schemas_pass_through_unchanged(place, topic):
    with opened(place, auto_register=True) as registry:
        schema_id = registry.id_of(value_subject(topic), builtin(topic))
        assert registry.schema_of(schema_id) == builtin(topic)


def test_confluents_own_serializers_read_and_write_the_same_bytes(server):
    schema = builtin("dead_letter")
    record = {
        "reason": "amount_negative",
        "message": "é",
        "stage": "validate",
        "attempt": 2,
        "topic": "fraud.transactions",
        "partition": 3,
        "offset": 2**40,
        "value": b"\x00\xff",
    }
    with opened(server, auto_register=True) as registry:
        codec = RecordCodec(schema, registry.id_of("fraud.dead_letters-value", schema))
    context = SerializationContext("fraud.dead_letters", MessageField.VALUE)
    with SchemaRegistryClient({"url": server.url}) as client:
        serialize = AvroSerializer(
            client,
            json.dumps(schema),
            conf={
                "auto.register.schemas": False,
                "subject.name.strategy": topic_subject_name_strategy,
            },
        )
        assert serialize(record, context) == codec.encode(record)
        strategy = {"subject.name.strategy": topic_subject_name_strategy}
        assert AvroDeserializer(client, conf=strategy)(codec.encode(record), context) == record


def test_nothing_is_registered_unless_allowed(place):
    with opened(place) as registry:
        with pytest.raises(UnknownSchemaError) as caught:
            registry.id_of(SUBJECT, version("a"))
        assert SUBJECT in str(caught.value)
        assert "register it when you deploy" in str(caught.value)
        for ask in (registry.latest, registry.versions):
            with pytest.raises(UnknownSchemaError, match="register a schema under it"):
                ask(SUBJECT)


def test_an_unknown_id_is_named_with_the_place_and_the_remedy(place):
    with opened(place) as registry:
        with pytest.raises(UnknownSchemaError) as caught:
            registry.schema_of(77)
        text = str(caught.value)
        assert "schema id 77" in text
        assert place in text
        assert "written with another registry" in text


def test_a_known_id_costs_one_request(server):
    schema_id = server.add(SUBJECT, version("a"))
    with opened(server) as registry:
        for _ in range(5):
            registry.schema_of(schema_id)["fields"].clear()
        assert registry.schema_of(schema_id) == version("a"), "callers get copies"
    assert server.requests == {f"GET /schemas/ids/{schema_id}": 1}


def test_only_the_topics_own_subject_is_asked_for(server):
    server.add("pay/ments-value", version("a"))
    with opened(server) as registry:
        registry.id_of("pay/ments-value", version("a"))
    assert server.requests == {"POST /subjects/pay%2Fments-value": 1}


def test_an_unknown_id_is_remembered_and_forgotten(server):
    clock = Clock()
    with opened(server, unknown_ttl_s=60, clock=clock) as registry:
        for step in (0, 0, 1, 30, 28.9):
            clock.now += step
            with pytest.raises(UnknownSchemaError, match="schema id 1"):
                registry.schema_of(1)
        assert server.requests["GET /schemas/ids/1"] == 1
        server.add(SUBJECT, version("a"))
        clock.now += 0.2
        assert registry.schema_of(1) == version("a")


def test_after_a_fetch_in_vain_no_id_is_fetched_for_a_second(server):
    clock = Clock()
    with opened(server, clock=clock) as registry:
        for schema_id in range(1000, 1100):
            with pytest.raises(SchemaError):
                registry.schema_of(schema_id)
        assert server.requests.total() == 1
        with pytest.raises(RegistryUnavailableError, match="ask again later"):
            registry.schema_of(1050)
        clock.now += 1.0
        with pytest.raises(UnknownSchemaError):
            registry.schema_of(1050)
        assert server.requests.total() == 2


def test_known_ids_do_not_wait_for_each_other_or_for_unknown_ones(server):
    for number in range(4):
        server.add(SUBJECT, version(f"f{number}"))
    with opened(server, clock=Clock()) as registry:
        for schema_id in (1, 2, 3):
            registry.schema_of(schema_id)
        with pytest.raises(UnknownSchemaError):
            registry.schema_of(9)
        assert registry.schema_of(1) == version("f0")
        with pytest.raises(RegistryUnavailableError):
            registry.schema_of(4)


@pytest.mark.parametrize("schema_id", [-1, 0, 2**31, 2**32 - 1])
def test_an_id_no_registry_gives_out_is_unknown_without_a_request(server, schema_id):
    with opened(server) as registry, pytest.raises(UnknownSchemaError, match="cannot exist"):
        registry.schema_of(schema_id)
    assert server.requests.total() == 0


@pytest.mark.parametrize("silence", [never_answer, drip])
def test_a_server_that_does_not_finish_is_given_up_in_time(server, silence):
    schema_id = server.add(SUBJECT, version("a"))
    server.overrides[f"GET /schemas/ids/{schema_id}"] = silence
    server.overrides[f"GET /subjects/{SUBJECT}/versions/latest"] = silence
    server.overrides[f"POST /subjects/{SUBJECT}"] = silence
    clock = Clock()
    with opened(server, timeout_s=0.3, clock=clock) as registry:
        for ask in (
            lambda: registry.schema_of(schema_id),
            lambda: registry.latest(SUBJECT),
            lambda: registry.id_of(SUBJECT, version("a")),
        ):
            start = time.monotonic()
            with pytest.raises(RegistryUnavailableError, match=r"within 0.3 s"):
                ask()
            assert time.monotonic() - start < 1.0
        # It was never said to be unknown, so it is asked for again, and now answered.
        server.overrides.clear()
        clock.now += 1
        assert registry.schema_of(schema_id) == version("a")
        assert registry.latest(SUBJECT) == (schema_id, version("a"))


@pytest.mark.parametrize("silence", [never_answer, drip])
def test_no_thread_is_left_behind_for_long(server, silence):
    server.overrides["GET /schemas/ids/1"] = silence
    with opened(server, timeout_s=0.2) as registry, pytest.raises(RegistryUnavailableError):
        registry.schema_of(1)
    assert not server.released.is_set()
    wait_for_requests_to_end()


def test_a_second_thread_waits_no_longer_than_its_own_bound(server):
    server.overrides["GET /schemas/ids/1"] = never_answer
    with opened(server, timeout_s=0.4) as registry:
        spent, errors = [], []

        def ask(schema_id):
            start = time.monotonic()
            try:
                registry.schema_of(schema_id)
            except SchemaError as error:
                errors.append(type(error))
            spent.append(time.monotonic() - start)

        threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert errors == [RegistryUnavailableError] * 3
    assert max(spent) < 1.0


def test_nobody_at_the_address(server):
    text = r"http://127.0.0.1:9 .* check that it runs at this address"
    with (
        opened("http://127.0.0.1:9", timeout_s=3) as registry,
        pytest.raises(RegistryUnavailableError, match=text),
    ):
        registry.latest(SUBJECT)


@pytest.mark.parametrize(
    ("status", "answer", "kind", "message"),
    [
        (401, {"error_code": 401, "message": "who?"}, SchemaError, "check the credentials"),
        (403, {"error_code": 40301, "message": "no"}, SchemaError, "check the credentials"),
        (422, {"error_code": 42201, "message": "odd"}, SchemaError, "odd"),
        (429, {"error_code": 429, "message": "slow"}, RegistryUnavailableError, "ask again"),
        (500, {"error_code": 50001, "message": "oh"}, RegistryUnavailableError, "ask again"),
        (503, b"<html>", RegistryUnavailableError, "ask again"),
        (404, b"<html>", RegistryUnavailableError, "check the path"),
        (404, {"error_code": 404, "message": "HTTP 404"}, RegistryUnavailableError, "the path"),
        (200, b"<html>", RegistryUnavailableError, "check that it runs"),
        (200, [], RegistryUnavailableError, "check that it runs"),
        (200, {}, SchemaError, "not Avro"),
        (200, {"schema": "{}", "schemaType": "JSON"}, SchemaError, "is JSON, not Avro"),
        (200, {"schema": '"string"'}, SchemaError, "must be an Avro record"),
        (200, {"schema": "{"}, SchemaError, "is not JSON"),
        (
            200,
            {"schema": "{}", "references": [{"name": "n", "subject": "s", "version": 1}]},
            SchemaError,
            "refers to other schemas",
        ),
    ],
)
def test_every_odd_answer_has_a_text_for_it(server, status, answer, kind, message):
    server.overrides["GET /schemas/ids/5"] = (status, answer)
    with opened(server) as registry, pytest.raises(SchemaError, match=message) as caught:
        registry.schema_of(5)
    assert type(caught.value) is kind
    assert server.url in str(caught.value)


def test_a_schema_that_cannot_be_used_is_not_fetched_again_and_again(server):
    clock = Clock()
    server.add(SUBJECT, "{}", schemaType="PROTOBUF")
    with opened(server, clock=clock) as registry:
        for _ in range(5):
            clock.now += 2
            with pytest.raises(SchemaError, match="is PROTOBUF, not Avro"):
                registry.schema_of(1)
    assert server.requests.total() == 1


def test_an_answer_without_an_id_is_refused(server):
    server.overrides[f"POST /subjects/{SUBJECT}"] = (200, {"subject": SUBJECT})
    with opened(server) as registry, pytest.raises(RegistryUnavailableError, match="id None"):
        registry.id_of(SUBJECT, version("a"))


def test_a_schema_the_registry_refuses(server):
    conflict = (409, {"error_code": 409, "message": "reader field missing default"})
    server.overrides[f"POST /subjects/{SUBJECT}/versions"] = conflict
    with (
        opened(server, auto_register=True) as registry,
        pytest.raises(IncompatibleSchemaError, match="reader field missing default"),
    ):
        registry.id_of(SUBJECT, version("a"))


def test_the_newest_version_is_not_kept_for_long(server):
    server.add(SUBJECT, version("a"))
    with opened(server) as registry:
        assert registry.latest(SUBJECT)[0] == 1
        server.add(SUBJECT, version("a", "b"))
        time.sleep(1.1)
        assert registry.latest(SUBJECT)[0] == 2


def test_credentials_are_sent_and_never_shown(server):
    schema_id = server.add(SUBJECT, version("a"))
    with opened(server, {"basic.auth.user.info": "ann:s3cret"}) as registry:
        registry.schema_of(schema_id)
        with pytest.raises(UnknownSchemaError) as caught:
            registry.schema_of(9)
    sent = server.headers[0]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"ann:s3cret"
    assert "s3cret" not in str(caught.value)
    with (
        opened(server.url.replace("//", "//ann:s3cret@")) as registry,
        pytest.raises(UnknownSchemaError) as caught,
    ):
        registry.schema_of(9)
    assert "s3cret" not in str(caught.value)
    assert server.headers[-1]["Authorization"] == sent


def test_a_closed_registry_says_so(server):
    registry = RemoteRegistry(server.url)
    registry.close()
    registry.close()
    with pytest.raises(RegistryUnavailableError, match="was closed; open it again"):
        registry.latest(SUBJECT)


@pytest.mark.parametrize("options", [{"made.up": 1}, {"max.retries": "many"}])
def test_a_wrong_option_is_named(options):
    (name,) = options
    with pytest.raises(ConfigError, match=name):
        RemoteRegistry("http://localhost:8081", options)


@pytest.mark.parametrize("url", ["http://", "ftp://ann:s3cret@host", "http://host:port", "x://y"])
def test_a_wrong_address_is_refused_without_showing_a_password(url):
    with pytest.raises(ConfigError, match=r"http://localhost:8081") as caught:
        open_registry(url)
    assert "s3cret" not in str(caught.value)


def test_the_place_decides_on_the_registry(tmp_path):
    assert isinstance(open_registry(), FileRegistry)
    assert isinstance(open_registry(str(PACKAGE)), FileRegistry)
    registry = open_registry("mock://a")
    assert isinstance(registry, RemoteRegistry)
    registry.close()
    with pytest.raises(ConfigError, match=r"nowhere' is not a folder"):
        open_registry(tmp_path / "nowhere")
    with pytest.raises(SchemaError, match=r"registry.toml cannot be read"):
        open_registry(tmp_path)
