"""Queues and what polls them: waiting, trying again, and where the dead lie."""

from collections.abc import Iterator

from infra.rules.stack import FUNCTION, QUEUE, Properties, Stack, listed, named, names_in, plain

FORTNIGHT_S = 14 * 24 * 3600
"""The longest that SQS keeps a message."""
DEFAULT_RETENTION_S = 4 * 24 * 3600
LEAST_TRIES = 5
UNBATCHED = 10


def queue_waits_long_enough(stack: Stack) -> list[str]:
    """A message stays out of sight for six times its function's timeout, and its window.

    Source: AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source
    mapping". Less, and a slow batch is handled twice at once.
    """
    faults = []
    for name, mapping in stack.polled.items():
        queue, function = named(mapping["EventSourceArn"]), named(mapping["FunctionName"])
        wait_s = int(stack.of(QUEUE).get(queue, {}).get("VisibilityTimeout", 30))
        timeout_s = int(stack.of(FUNCTION).get(function, {}).get("Timeout", 3))
        least_s = 6 * timeout_s + int(mapping.get("MaximumBatchingWindowInSeconds", 0))
        if wait_s < least_s:
            faults.append(f"{queue}: VisibilityTimeout {wait_s} is below {least_s}, see {name}")
    return faults


def queue_buries_its_dead(stack: Stack) -> list[str]:
    """A queue that a function polls has a queue of dead letters in this stack.

    Source: Amazon SQS developer guide, "Using dead-letter queues in Amazon SQS". Without one, a
    message that always fails is lost after four days, and costs a call each few minutes until then.
    """
    ends = stack.dead_letters() | stack.failed_calls()
    return [
        f"{name}: RedrivePolicy names no queue of dead letters of this stack"
        for name, queue in stack.of(QUEUE).items()
        if name not in ends
        and named(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in stack.of(QUEUE)
    ]


def queue_tries_often_enough(stack: Stack) -> list[str]:
    """A message is received five times at least before it counts as dead.

    Source: AWS Lambda developer guide, "Creating and configuring an Amazon SQS event source
    mapping". A throttled call counts as a try, so fewer bury what was never looked at.
    """
    return [
        f"{name}: maxReceiveCount {policy.get('maxReceiveCount')} is below {LEAST_TRIES}"
        for name, queue in stack.of(QUEUE).items()
        if (policy := queue.get("RedrivePolicy"))
        and int(policy.get("maxReceiveCount", 0)) < LEAST_TRIES
    ]


def dead_letters_are_kept_longest(stack: Stack) -> list[str]:
    """The dead are kept for fourteen days, and so longer than where they came from.

    Source: Amazon SQS developer guide, "Understanding message retention periods for dead-letter
    queues": the clock of a message goes on when it moves.
    """
    faults = []
    ends = stack.dead_letters() | stack.failed_calls()
    for name, queue in stack.of(QUEUE).items():
        kept_s = int(queue.get("MessageRetentionPeriod", DEFAULT_RETENTION_S))
        if name in ends and kept_s < FORTNIGHT_S:
            faults.append(f"{name}: dead letters are kept {kept_s} s, not {FORTNIGHT_S}")
        if name not in ends and kept_s >= FORTNIGHT_S:
            faults.append(f"{name}: it keeps messages as long as its dead letters do")
    return faults


def dead_letters_go_in_no_circle(stack: Stack) -> list[str]:
    """No queue is reached again from its own dead letters, and a message dies once.

    Source: Amazon SQS developer guide, "Using dead-letter queues in Amazon SQS".
    """
    return [
        f"{name}: what lies here has dead letters of its own"
        for name in sorted(stack.dead_letters() | stack.failed_calls())
        if stack.of(QUEUE).get(name, {}).get("RedrivePolicy")
    ]


def dead_letters_feed_nobody(stack: Stack) -> list[str]:
    """What lies with the dead waits for a person; no function polls it.

    Source: Amazon SQS developer guide, "Learn how to configure a dead-letter queue redrive".
    """
    ends = stack.dead_letters() | stack.failed_calls()
    return [
        f"{name}: it polls {source}, which keeps the dead"
        for name, mapping in stack.polled.items()
        if (source := named(mapping["EventSourceArn"])) in ends
    ]


def queue_and_dead_letters_are_of_one_kind(stack: Stack) -> list[str]:
    """The dead letters of a FIFO queue are a FIFO queue, and those of a standard one are not.

    Source: Amazon SQS developer guide, "Using dead-letter queues in Amazon SQS".
    """
    queues = stack.of(QUEUE)
    faults = []
    for name, queue in queues.items():
        dead = named(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        kinds = [bool(one.get("FifoQueue")) for one in (queue, queues.get(dead, queue))]
        if kinds[0] != kinds[1]:
            faults.append(f"{name}: one of it and {dead} is a FIFO queue")
    return faults


def queue_is_sealed(stack: Stack) -> list[str]:
    """What waits in a queue is encrypted.

    Source: Amazon SQS developer guide, "Encryption at rest in Amazon SQS"; Security Hub SQS.1.
    """
    return [
        f"{name}: neither SqsManagedSseEnabled nor KmsMasterKeyId"
        for name, queue in stack.of(QUEUE).items()
        if not (queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId"))
    ]


def failures_are_reported_one_by_one(stack: Stack) -> list[str]:
    """A function that polls a queue tells which messages of a batch failed.

    Source: AWS Lambda developer guide, "Handling errors for an SQS event source in Lambda". Without
    it, one message that fails brings its whole batch again, and in the end to the dead.
    """
    return [
        f"{name}: FunctionResponseTypes is without ReportBatchItemFailures"
        for name, mapping in stack.polled.items()
        if "ReportBatchItemFailures" not in listed(mapping.get("FunctionResponseTypes"))
    ]


def large_batches_wait(stack: Stack) -> list[str]:
    """A batch of more than ten has a window in which it can fill.

    Source: Lambda API reference, "CreateEventSourceMapping", BatchSize. AWS refuses it otherwise.
    """
    return [
        f"{name}: BatchSize {mapping['BatchSize']} without MaximumBatchingWindowInSeconds"
        for name, mapping in stack.polled.items()
        if int(mapping.get("BatchSize", UNBATCHED)) > UNBATCHED
        and not mapping.get("MaximumBatchingWindowInSeconds")
    ]


def polling_is_bounded(stack: Stack) -> list[str]:
    """Each queue says how many of its function run at once, so that none takes all calls.

    Source: AWS Lambda developer guide, "Configuring scaling behavior for SQS event source
    mappings". Reserved concurrency would do it too, but a fresh account has ten calls at once in
    all and cannot reserve any.
    """
    return [
        f"{name}: ScalingConfig is without MaximumConcurrency"
        for name, mapping in stack.polled.items()
        if not mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    ]


def stream_gives_up_and_tells(stack: Stack) -> list[str]:
    """A stream tries a bad batch a few times only, reads just what it needs, and tells who failed.

    Source: AWS Lambda developer guide, "Retaining discarded batches for a DynamoDB event source".
    A stream tries for a day otherwise, and everything behind the bad record waits.
    """
    faults = []
    for name, mapping in stack.streams.items():
        if not 0 <= int(mapping.get("MaximumRetryAttempts", -1)) <= 10:
            faults.append(f"{name}: MaximumRetryAttempts is not 0 to 10")
        if not mapping.get("FilterCriteria", {}).get("Filters"):
            faults.append(f"{name}: without FilterCriteria each write of the table is a call")
        told = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if named(told) not in stack.of(QUEUE):
            faults.append(f"{name}: OnFailure names no queue of this stack")
    return faults


def stream_has_a_sweep_behind_it(stack: Stack) -> list[str]:
    """What a stream gave up is found by its function's minute schedule.

    Source: Amazon DynamoDB developer guide, "Change data capture for DynamoDB Streams": records
    last 24 hours.
    """
    faults = []
    for name, mapping in stack.streams.items():
        function = named(mapping["FunctionName"])
        minutes = [
            schedule["ScheduleExpression"]
            for schedule in stack.of("AWS::Scheduler::Schedule").values()
            if named(schedule["Target"]["Arn"]) == function
        ]
        if "rate(1 minute)" not in minutes:
            faults.append(f"{name}: no schedule of every minute calls {function}")
    return faults


def event_is_laid_aside(stack: Stack) -> list[str]:
    """What the bus could not hand to a target lies in a queue, to which its rule may send.

    Source: Amazon EventBridge user guide, "Using dead-letter queues to process undelivered events".
    """
    allowed = [
        (names_in(statement["Resource"]), plain(statement.get("Condition", {})))
        for statement in _of_the_bus(stack)
    ]
    faults = []
    for name, rule in stack.of("AWS::Events::Rule").items():
        for target in listed(rule.get("Targets")):
            dead = named(target.get("DeadLetterConfig", {}).get("Arn"))
            ends = {dead, named(target.get("Arn"))} & set(stack.of(QUEUE))
            if dead not in stack.of(QUEUE):
                faults.append(f"{name}: its target has no queue of dead letters")
            faults += [
                f"{name}: it may not send to {end}"
                for end in sorted(ends)
                if not any(end in queues and f'"{name}"' in held for queues, held in allowed)
            ]
    return faults


def _of_the_bus(stack: Stack) -> Iterator[Properties]:
    for policy in stack.of("AWS::SQS::QueuePolicy").values():
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if "events.amazonaws.com" in plain(statement.get("Principal")):
                yield statement


def senders_may_send(stack: Stack) -> list[str]:
    """A function that is given a queue's address may send to it.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
    SQS".
    """
    faults = []
    for name, function in stack.of(FUNCTION).items():
        variables = function.get("Environment", {}).get("Variables", {})
        for variable, value in variables.items():
            if variable.endswith("_QUEUE_URL") and not stack.may(
                stack.role_of(name), "sqs:SendMessage", named(value)
            ):
                faults.append(f"{name}: it is given {variable}, and may not send to it")
    return faults


RULES = (
    queue_waits_long_enough,
    queue_buries_its_dead,
    queue_tries_often_enough,
    dead_letters_are_kept_longest,
    dead_letters_go_in_no_circle,
    dead_letters_feed_nobody,
    queue_and_dead_letters_are_of_one_kind,
    queue_is_sealed,
    failures_are_reported_one_by_one,
    large_batches_wait,
    polling_is_bounded,
    stream_gives_up_and_tells,
    stream_has_a_sweep_behind_it,
    event_is_laid_aside,
    senders_may_send,
)
