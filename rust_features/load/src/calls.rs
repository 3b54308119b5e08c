//! The calls themselves, all on one thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio::task::{LocalSet, spawn_local};
use tonic::Code;

use crate::connection::{Connection, Head, framed};
use crate::schedule::{Arrival, Schedule, Timer};
use crate::{Answers, Kind, LoadError, MARK, Outcome, Plan, histogram};

/// Offers the plan's load and waits for its answers.
///
/// # Errors
/// Where the plan is empty or nobody listens.
pub fn run(plan: &Plan) -> Result<Outcome, LoadError> {
    if plan.kinds.is_empty() || plan.kinds.iter().any(|kind| kind.requests.is_empty()) {
        return Err(LoadError::Plan("every kind of call needs a request"));
    }
    if plan.connections == 0 || !(plan.rate > 0.0 && plan.rate.is_finite()) {
        return Err(LoadError::Plan("rate and connections must be above 0"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| LoadError::Connection(error.to_string()))?;
    let local = LocalSet::new();
    let connections = local.block_on(&runtime, connect(plan))?;
    let calls = Rc::new(Calls::new(plan)?);
    let start = Instant::now();
    local
        .block_on(&runtime, make(Rc::clone(&calls), &connections, plan, start))
        .map_err(|error| LoadError::Connection(format!("timer: {error}")))?;
    Ok(Outcome {
        kinds: calls.answers.take(),
        dropped: calls.dropped.get(),
        lateness: calls.lateness.take().unwrap_or_else(histogram),
    })
}

async fn connect(plan: &Plan) -> Result<Vec<Connection>, LoadError> {
    let mut connections = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let connection = Connection::open(&plan.address, plan.in_flight_limit).await;
        connections.push(connection.map_err(|error| LoadError::Connection(format!("{}: {error}", plan.address)))?);
    }
    Ok(connections)
}

/// Begins a call for every arrival, and waits until the last one is answered.
async fn make(calls: Rc<Calls>, connections: &[Connection], plan: &Plan, start: Instant) -> io::Result<()> {
    let timer = Timer::new()?;
    let connections = connections.iter().cycle();
    for (arrival, connection) in Schedule::new(plan, start).zip(connections) {
        timer.until(arrival.due).await?;
        if calls.in_flight.get() >= plan.in_flight_limit {
            calls.dropped.set(calls.dropped.get() + 1);
        } else {
            calls.in_flight.set(calls.in_flight.get() + 1);
            let (calls, connection) = (Rc::clone(&calls), connection.clone());
            spawn_local(async move { calls.call(connection, arrival).await });
        }
        // Where arrivals are overdue, answers are read all the same.
        consume_budget().await;
    }
    while calls.in_flight.get() > 0 {
        calls.ended.notified().await;
    }
    Ok(())
}

/// What the calls share.
struct Calls {
    kinds: Vec<Templates>,
    deadline: Duration,
    objective_micros: u64,
    answers: RefCell<Vec<Answers>>,
    lateness: RefCell<Option<hdrhistogram::Histogram<u64>>>,
    in_flight: Cell<usize>,
    dropped: Cell<u64>,
    ended: Notify,
}

impl Calls {
    fn new(plan: &Plan) -> Result<Self, LoadError> {
        let answers = plan.kinds.iter().map(|_| Answers {
            latency: histogram(),
            in_time: 0,
            refused: 0,
            failed: 0,
            first_failure: None,
        });
        Ok(Self {
            kinds: plan
                .kinds
                .iter()
                .map(|kind| Templates::of(plan, kind))
                .collect::<Result<_, _>>()?,
            deadline: plan.deadline,
            objective_micros: micros(plan.objective),
            answers: RefCell::new(answers.collect()),
            lateness: RefCell::new(Some(histogram())),
            in_flight: Cell::new(0),
            dropped: Cell::new(0),
            ended: Notify::new(),
        })
    }

    fn note_lateness(&self, due: Instant) {
        if let Some(lateness) = self.lateness.borrow_mut().as_mut() {
            lateness.saturating_record(micros_since(due));
        }
    }

    async fn call(&self, connection: Connection, arrival: Arrival) {
        self.note_lateness(arrival.due);
        let templates = &self.kinds[arrival.kind];
        let request = templates.request(arrival.number);
        let answer = connection.call(templates.head.clone(), request, self.deadline).await;
        let answers = &mut self.answers.borrow_mut()[arrival.kind];
        match answer {
            Ok(()) => {
                let latency = micros_since(arrival.due);
                answers.latency.saturating_record(latency);
                answers.in_time += u64::from(latency <= self.objective_micros);
            }
            // What waits too long in gRPC's own core is ended by it, without a word of ours.
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::Cancelled) => answers.refused += 1,
            Err(status) => {
                answers.failed += 1;
                answers.first_failure.get_or_insert_with(|| status.to_string());
            }
        }
        self.in_flight.set(self.in_flight.get() - 1);
        self.ended.notify_one();
    }
}

fn micros_since(moment: Instant) -> u64 {
    micros(moment.elapsed())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The requests of one kind of call.
struct Templates {
    head: Head,
    /// Framed, each with the places of [`MARK`].
    requests: Vec<(BytesMut, Vec<usize>)>,
}

impl Templates {
    fn of(plan: &Plan, kind: &Kind) -> Result<Self, LoadError> {
        let head = Head::of(&plan.address, &kind.method, plan.deadline);
        let requests = kind.requests.iter().map(|request| {
            let frame = framed(request);
            let windows = frame.windows(MARK.len()).enumerate();
            let marks = windows.filter(|(_, window)| window == MARK).map(|(place, _)| place);
            let marks = marks.collect();
            (frame, marks)
        });
        Ok(Self {
            head: head.ok_or(LoadError::Plan(
                "an address is HOST:PORT, a method /package.Service/Method",
            ))?,
            requests: requests.collect(),
        })
    }

    /// That of a call, framed.
    fn request(&self, number: u64) -> Bytes {
        let turn = number % self.requests.len() as u64;
        let (template, marks) = &self.requests[usize::try_from(turn).unwrap_or_default()];
        let mut request = template.clone();
        let digits = format!("{number:0width$x}", width = MARK.len());
        for mark in marks {
            request[*mark..mark + MARK.len()].copy_from_slice(&digits.as_bytes()[..MARK.len()]);
        }
        request.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::PREFIX;
    use crate::testing::plan;

    #[test]
    fn every_call_has_a_number_of_its_own() {
        let requests = vec![b"cart-@call-number!@call-number".to_vec(), b"plain".to_vec()];
        let plan = plan(requests, 1.0, Duration::ZERO);
        let templates = Templates::of(&plan, &plan.kinds[0]).unwrap();
        assert_eq!(templates.request(26)[PREFIX..], *b"cart-00000000001a!00000000001a");
        assert_eq!(templates.request(27)[PREFIX..], *b"plain");
    }
}
