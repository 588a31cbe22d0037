"""What simulated payments and their labels look like on their topics."""

from itertools import islice
from time import monotonic

from confluent_kafka import Consumer
from inputs.payments import LABELS, TRANSACTIONS
from seeds import seeds

from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.simulated_payments import PaymentSender, SendPlan
from stream.simulate.payments import Payment

SECONDS = 20
N = 200


def payments(seed):
    """Payments of a few cards, each of which is a fraud."""
    for number in range(N):
        record = {
            "transaction_id": f"t-{number}",
            "event_time": 1_700_000_000_000_000 + number,
            "amount_minor": 1 + seed % 97,
            "card_id": f"card-{(seed + number) % 17}",
            "merchant_id": "shop",
        }
        yield Payment(record, True)


def read(connection, topic):
    consumer = Consumer({**connection.consumer("reader"), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    messages, deadline = [], monotonic() + SECONDS
    try:
        while len(messages) < N:
            assert monotonic() < deadline, f"{len(messages)} of {N} records"
            messages += [m for m in consumer.consume(N, 0.05) if m.error() is None]
    finally:
        consumer.close()
    return messages


@seeds(1)
def test_a_label_is_where_its_payment_is(seed):
    with EmbeddedBroker({"payments": 3, "labels": 3}) as broker:
        plan = SendPlan("payments", "labels", "group", label_delay_us=10)
        sender = PaymentSender(broker.connection, plan, TRANSACTIONS, LABELS)
        sent = sender.run(islice(payments(seed), N), lambda _: 0.0, lambda: False)
        sender.close()
        assert (sent.payments, sent.labels) == (N, N)
        paid, said = (
            {
                codec.decode(m.value())["transaction_id"]: (m.key(), m.partition())
                for m in read(broker.connection, topic)
            }
            for codec, topic in ((TRANSACTIONS, "payments"), (LABELS, "labels"))
        )
        assert said == paid
        assert len({partition for _, partition in paid.values()}) == 3
