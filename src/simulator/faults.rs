//! The standing orders to go wrong: which fault, for which operation, how often.
//!
//! A rule stays until it has met its count of requests, or until `DELETE /_simulator/faults` where it has none.
//! All rules that meet a request apply to it together.

use serde_json::{Map, Value};

use super::complaint::Complaint;
use super::countries::scramble;
use super::fault::{FAULTS, Fault};
use super::journal::Operation;
use super::plan::Plan;

/// Rules that may stand at once.
const MOST_RULES: usize = 256;

/// One order, as it was given.
#[derive(Debug)]
pub(super) struct Rule {
    /// None meets every operation.
    operation: Option<Operation>,
    name: String,
    fault: Fault,
    times: Times,
    order: Value,
}

#[derive(Clone, Copy, Debug)]
enum Times {
    Always,
    Left(u64),
    Chance(f64),
}

impl Rule {
    /// Reads `{"operation", "fault", "count" | "probability", parameters}`.
    pub(super) fn parse(order: &Value) -> Result<Self, Complaint> {
        let mut parameters = order.as_object().cloned().ok_or_else(|| {
            Complaint::new("", "send an object like {\"operation\":\"buy\",\"fault\":\"delay\",\"ms\":50}")
        })?;
        let operation = operation(parameters.remove("operation"))?;
        let times = times(parameters.remove("count"), parameters.remove("probability"))?;
        let name = parameters.remove("fault");
        let name = name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        if !FAULTS.iter().any(|(known, ..)| *known == name) {
            let known: Vec<&str> = FAULTS.iter().map(|(known, ..)| *known).collect();
            return Err(Complaint::new("fault", format!("must be one of: {}", known.join(", "))));
        }
        let fault = fault(&name, parameters)?;
        fault.check()?;
        if let (Some(wanted), Some(only)) = (operation, fault.belongs_to())
            && wanted != only
        {
            return Err(Complaint::new(
                "operation",
                format!("{name} has an effect on {only:?} only").to_lowercase(),
            ));
        }
        Ok(Self { operation, name, fault, times, order: order.clone() })
    }
}

fn operation(value: Option<Value>) -> Result<Option<Operation>, Complaint> {
    let Some(value) = value.filter(|value| *value != "any") else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|_| {
        Complaint::new("operation", "must be one of: any, list, search, buy, register, account, unknown")
    })
}

fn times(count: Option<Value>, probability: Option<Value>) -> Result<Times, Complaint> {
    match (count, probability) {
        (None, None) => Ok(Times::Always),
        (Some(_), Some(_)) => Err(Complaint::new("count", "give count or probability, not both")),
        (Some(count), None) => count
            .as_u64()
            .filter(|count| *count > 0)
            .map(Times::Left)
            .ok_or_else(|| Complaint::new("count", "must be a whole number from 1")),
        (None, Some(chance)) => chance
            .as_f64()
            .filter(|chance| (0.0..=1.0).contains(chance))
            .map(Times::Chance)
            .ok_or_else(|| Complaint::new("probability", "must be a number from 0 to 1")),
    }
}

fn fault(name: &str, parameters: Map<String, Value>) -> Result<Fault, Complaint> {
    let order = Map::from_iter([(name.to_owned(), Value::Object(parameters))]);
    serde_path_to_error::deserialize(Value::Object(order)).map_err(|error| {
        let path = error.path().to_string();
        let field = path.strip_prefix(name).unwrap_or(&path).trim_start_matches('.').to_owned();
        Complaint::new(field, error.into_inner().to_string())
    })
}

/// The rules that stand, and the dice for those with a probability.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    dice: u64,
}

impl Faults {
    pub(super) const fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), dice: seed }
    }

    pub(super) fn add(&mut self, rule: Rule) -> Result<(), Complaint> {
        if self.rules.len() >= MOST_RULES {
            return Err(Complaint::new(
                "",
                "256 rules stand already; DELETE /_simulator/faults removes them",
            ));
        }
        self.rules.push(rule);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What the rules order for one request; rules that are spent go.
    pub(super) fn draw(&mut self, operation: Operation) -> Plan {
        let mut plan = Plan::default();
        let dice = &mut self.dice;
        self.rules.retain_mut(|rule| {
            if rule.operation.is_some_and(|only| only != operation) {
                return true;
            }
            if rule.fault.belongs_to().is_some_and(|only| only != operation) {
                return true;
            }
            if rule.times.strike(dice) {
                plan.add(&rule.name, &rule.fault);
            }
            !matches!(rule.times, Times::Left(0))
        });
        plan
    }

    /// The standing orders, with what is left of their counts.
    pub(super) fn standing(&self) -> Vec<Value> {
        let shown = |rule: &Rule| {
            let mut order = rule.order.clone();
            if let (Times::Left(left), Some(fields)) = (rule.times, order.as_object_mut()) {
                fields.insert("left".to_owned(), left.into());
            }
            order
        };
        self.rules.iter().map(shown).collect()
    }
}

impl Times {
    fn strike(&mut self, dice: &mut u64) -> bool {
        match self {
            Self::Always => true,
            Self::Left(left) => {
                *left = left.saturating_sub(1);
                true
            }
            Self::Chance(chance) => {
                *dice = scramble(*dice);
                let thrown = u32::try_from(*dice >> 32).unwrap_or_default();
                f64::from(thrown) < *chance * (f64::from(u32::MAX) + 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture stops the test")]

    use serde_json::{Value, json};

    use super::{FAULTS, Faults, Operation, Rule};

    fn complaint(order: &Value) -> (String, String) {
        let complaint = Rule::parse(order).unwrap_err();
        (complaint.field, complaint.reason)
    }

    #[test]
    fn every_listed_fault_can_be_ordered() {
        for (name, parameters, _) in FAULTS {
            let mut order = json!({"fault": name, "count": 1});
            let fields = order.as_object_mut().unwrap();
            for required in ["ms", "every_ms", "percent", "bytes", "status"] {
                let optional = [format!("{required} ="), format!("[{required}]")];
                let listed = parameters.split([',', '|']).any(|part| part.trim() == required);
                if listed && !optional.iter().any(|text| parameters.contains(text)) {
                    fields.insert(required.to_owned(), 200.into());
                }
            }
            assert!(Rule::parse(&order).is_ok(), "{order}: {:?}", Rule::parse(&order));
        }
    }

    #[test]
    fn a_wrong_order_is_refused_by_the_field_at_fault() {
        for (order, field) in [
            (json!([]), ""),
            (json!({"fault": "nonsense"}), "fault"),
            (json!({"fault": "delay", "ms": "x"}), "ms"),
            (json!({"fault": "delay", "ms": 1, "operation": "sell"}), "operation"),
            (json!({"fault": "number_gone", "operation": "list"}), "operation"),
            (json!({"fault": "truncate", "count": 0}), "count"),
            (json!({"fault": "truncate", "probability": 2}), "probability"),
            (json!({"fault": "price_drift"}), "percent"),
            (json!({"fault": "arbitrary", "status": 100}), "status"),
        ] {
            assert_eq!(complaint(&order).0, field, "{order}");
        }
        assert!(complaint(&json!({"fault": "delay"})).1.contains("missing field `ms`"));
        assert!(complaint(&json!({"fault": "truncate", "ms": 1})).1.contains("unknown field `ms`"));
    }

    #[test]
    fn a_counted_fault_strikes_that_often_and_only_its_operation() {
        let mut faults = Faults::new(1);
        let order = json!({"operation": "buy", "fault": "truncate", "count": 2});
        faults.add(Rule::parse(&order).unwrap()).unwrap();
        assert_eq!(faults.draw(Operation::Search).names(), None);
        assert_eq!(faults.draw(Operation::Buy).names().as_deref(), Some("truncate"));
        assert_eq!(faults.standing()[0]["left"], 1);
        assert!(faults.draw(Operation::Buy).names().is_some());
        assert!(faults.draw(Operation::Buy).names().is_none() && faults.standing().is_empty());
    }

    #[test]
    fn chances_are_thrown_with_the_seed() {
        let strikes = |seed| -> Vec<bool> {
            let mut faults = Faults::new(seed);
            faults.add(Rule::parse(&json!({"fault": "truncate", "probability": 0.25})).unwrap()).unwrap();
            (0..400).map(|_| faults.draw(Operation::List).names().is_some()).collect()
        };
        assert_eq!(strikes(3), strikes(3));
        assert_ne!(strikes(3), strikes(4));
        let hit = strikes(3).into_iter().filter(|hit| *hit).count();
        assert!((60..140).contains(&hit), "{hit}");
    }
}
