//! The whole policy, checked: what is out of range is refused by name before anything is decided by it.

use rustc_hash::FxHashMap;
use std::sync::Arc;

use super::budget::BudgetPrices;
use super::offer::Offer;
use super::storefront::Storefront;
use crate::contract::{self, Channel, Policy, StorefrontPolicy};
use crate::state::RECENT_SENDS;

/// Actions of a policy, "none" not counted.
pub const MAX_ACTIONS: usize = 64;
const MAX_SHORTLIST: u32 = 8;

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// More actions than a decision weighs.
    #[error("the policy has {count} actions, at most {MAX_ACTIONS} are weighed")]
    TooManyActions {
        /// How many there are.
        count: usize,
    },
    /// Two of a kind share an id, or one has none.
    #[error("the {kind} id {id:?} is empty or used twice")]
    Id {
        /// "action", "offer", "storefront", "cap" or "budget".
        kind: &'static str,
        /// The id.
        id: String,
    },
    /// An action's field is wrong.
    #[error("{field} of action {action:?} is missing, unknown or out of range")]
    Action {
        /// Its id.
        action: String,
        /// The field.
        field: &'static str,
    },
    /// An offer's field is wrong.
    #[error("{field} of offer {offer:?} is missing or out of range")]
    Offer {
        /// Its id.
        offer: String,
        /// The field.
        field: &'static str,
    },
    /// A setting of the company (no name) or of a storefront.
    #[error("{field} of storefront {storefront:?} is missing or out of range")]
    Setting {
        /// Its id, empty for the company.
        storefront: String,
        /// The field.
        field: &'static str,
    },
    /// The inactivity that is an abandonment must be the same in all storefronts.
    #[error("storefront {storefront:?} sets abandonment_seconds; only the company can")]
    AbandonmentOverridden {
        /// Its id.
        storefront: String,
    },
    /// A frequency cap's field is wrong.
    #[error("{field} of frequency cap {rule:?} is missing, unknown or out of range")]
    Cap {
        /// Its id.
        rule: String,
        /// The field.
        field: &'static str,
    },
    /// The floor and the size of the shortlist do not fit, or a number is out of range.
    #[error("{field} of exploration is out of range")]
    Exploration {
        /// The field.
        field: &'static str,
    },
    /// A price of a budget that does not exist.
    #[error("there is no budget {budget:?}")]
    Budget {
        /// Its id.
        budget: String,
    },
}

/// One way to treat a cart.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionRule {
    /// Its id in the policy.
    pub id: String,
    /// The channel of its message.
    pub channel: Channel,
    /// Its offer, if any.
    pub offer: Option<Arc<Offer>>,
    /// From the decision to the send.
    pub delay_seconds: u32,
    /// The template of its message.
    pub template_key: String,
    first_touch: u32,
    last_touch: u32,
}

impl ActionRule {
    /// Whether it may serve this touch.
    #[must_use]
    pub fn serves(&self, touch: u32) -> bool {
        touch >= self.first_touch && (self.last_touch == 0 || touch <= self.last_touch)
    }
}

/// At most so many sends to a customer within a sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapRule {
    /// Its id in the policy.
    pub rule_id: String,
    /// The channel it counts; `None` counts all.
    pub channel: Option<Channel>,
    /// Sends allowed.
    pub max_sends: u32,
    /// Length of the window.
    pub window_seconds: u32,
}

impl CapRule {
    /// Whether a send of this channel counts.
    #[must_use]
    pub fn counts(&self, channel: Channel) -> bool {
        self.channel.is_none_or(|own| own == channel)
    }
}

/// Inverse-gap weighting over a shortlist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// Actions on the shortlist, "none" included; 1 means the best alone.
    pub shortlist_size: usize,
    /// Smallest probability of a shortlisted action.
    pub probability_floor: f64,
    /// Weight of the value gap per minor unit.
    pub gap_weight: f64,
}

/// A policy in force.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its version.
    pub version: String,
    /// Every action but "none".
    pub actions: Vec<ActionRule>,
    /// The frequency caps.
    pub caps: Vec<CapRule>,
    /// How actions are drawn.
    pub exploration: Exploration,
    /// The prices that hold until the journal has newer ones.
    pub budget_prices: BudgetPrices,
    offers: Vec<Arc<Offer>>,
    company: Storefront,
    storefronts: FxHashMap<String, Storefront>,
}

impl Rules {
    /// Checks a policy and resolves it.
    ///
    /// # Errors
    /// The first fault found.
    pub fn read(policy: &Policy) -> Result<Self, PolicyFault> {
        if policy.actions.len() > MAX_ACTIONS {
            return Err(PolicyFault::TooManyActions {
                count: policy.actions.len(),
            });
        }
        distinct("action", policy.actions.iter().map(|action| &action.action_id))?;
        distinct("offer", policy.offers.iter().map(|offer| &offer.offer_id))?;
        distinct("cap", policy.frequency_caps.iter().map(|cap| &cap.rule_id))?;
        distinct("storefront", policy.storefronts.iter().map(|own| &own.storefront_id))?;
        distinct("budget", policy.budget_prices.iter().map(|price| &price.budget_id))?;
        let offers = policy.offers.iter().map(read_offer).collect::<Result<Vec<_>, _>>()?;
        let prices = policy
            .budget_prices
            .iter()
            .map(|price| (price.budget_id.as_str(), price.price));
        let (budget_prices, unknown_budget) = BudgetPrices::read(prices);
        if let Some(budget) = unknown_budget {
            return Err(PolicyFault::Budget {
                budget: budget.to_owned(),
            });
        }
        let company = policy.company.clone().unwrap_or_default();
        Ok(Self {
            version: policy.version.clone(),
            actions: policy
                .actions
                .iter()
                .map(|action| read_action(action, &offers))
                .collect::<Result<_, _>>()?,
            caps: policy.frequency_caps.iter().map(read_cap).collect::<Result<_, _>>()?,
            exploration: read_exploration(policy.exploration.as_ref())?,
            budget_prices,
            company: Storefront::resolve(&company, &StorefrontPolicy::default())?,
            storefronts: policy
                .storefronts
                .iter()
                .map(|own| read_storefront(&company, own))
                .collect::<Result<_, _>>()?,
            offers,
        })
    }

    /// The settings of a storefront; those of the company where it has none of its own.
    #[must_use]
    pub fn storefront(&self, storefront_id: &str) -> &Storefront {
        self.storefronts.get(storefront_id).unwrap_or(&self.company)
    }

    /// T: the one inactivity that is an abandonment in every storefront.
    #[must_use]
    pub fn abandonment_seconds(&self) -> u32 {
        self.company.abandonment_seconds
    }

    /// An action by its id; `None` for "none" and for an action of another policy.
    #[must_use]
    pub fn action(&self, action_id: &str) -> Option<&ActionRule> {
        self.actions.iter().find(|action| action.id == action_id)
    }

    /// An offer by its id.
    #[must_use]
    pub fn offer(&self, offer_id: &str) -> Option<&Offer> {
        self.offers.iter().map(Arc::as_ref).find(|offer| offer.id == offer_id)
    }
}

fn distinct<'a>(kind: &'static str, ids: impl Iterator<Item = &'a String>) -> Result<(), PolicyFault> {
    let mut seen = rustc_hash::FxHashSet::default();
    for id in ids {
        if id.is_empty() || id == "none" || !seen.insert(id) {
            return Err(PolicyFault::Id { kind, id: id.clone() });
        }
    }
    Ok(())
}

fn read_offer(offer: &contract::Offer) -> Result<Arc<Offer>, PolicyFault> {
    let fault = |field| PolicyFault::Offer {
        offer: offer.offer_id.clone(),
        field,
    };
    Offer::read(offer).map(Arc::new).map_err(fault)
}

fn read_action(action: &contract::ActionTemplate, offers: &[Arc<Offer>]) -> Result<ActionRule, PolicyFault> {
    let fault = |field| PolicyFault::Action {
        action: action.action_id.clone(),
        field,
    };
    let channel = Channel::try_from(action.channel).unwrap_or_default();
    if matches!(channel, Channel::Unspecified | Channel::None) {
        return Err(fault("channel"));
    }
    if action.template_key.is_empty() {
        return Err(fault("template_key"));
    }
    if action.last_touch != 0 && action.first_touch > action.last_touch {
        return Err(fault("last_touch"));
    }
    let offer = offers.iter().find(|offer| offer.id == action.offer_id);
    if offer.is_none() && !action.offer_id.is_empty() {
        return Err(fault("offer_id"));
    }
    Ok(ActionRule {
        id: action.action_id.clone(),
        channel,
        offer: offer.cloned(),
        delay_seconds: action.delay_seconds,
        template_key: action.template_key.clone(),
        first_touch: action.first_touch,
        last_touch: action.last_touch,
    })
}

fn read_cap(cap: &contract::FrequencyCap) -> Result<CapRule, PolicyFault> {
    let fault = |field| PolicyFault::Cap {
        rule: cap.rule_id.clone(),
        field,
    };
    let channel = Channel::try_from(cap.channel).unwrap_or(Channel::None);
    if channel == Channel::None {
        return Err(fault("channel"));
    }
    if cap.window_seconds == 0 {
        return Err(fault("window_seconds"));
    }
    // More than the state remembers would never be reached.
    if cap.max_sends as usize > RECENT_SENDS {
        return Err(fault("max_sends"));
    }
    Ok(CapRule {
        rule_id: cap.rule_id.clone(),
        channel: (channel != Channel::Unspecified).then_some(channel),
        max_sends: cap.max_sends,
        window_seconds: cap.window_seconds,
    })
}

fn read_exploration(exploration: Option<&contract::Exploration>) -> Result<Exploration, PolicyFault> {
    let fault = |field| Err(PolicyFault::Exploration { field });
    let Some(exploration) = exploration else {
        return Ok(Exploration {
            shortlist_size: 1,
            probability_floor: 0.0,
            gap_weight: 0.0,
        });
    };
    let (size, floor) = (exploration.shortlist_size, exploration.probability_floor);
    if !(1..=MAX_SHORTLIST).contains(&size) {
        return fault("shortlist_size");
    }
    if !(0.0..=1.0 / f64::from(size)).contains(&floor) {
        return fault("probability_floor");
    }
    if !(exploration.gap_weight.is_finite() && exploration.gap_weight >= 0.0) {
        return fault("gap_weight");
    }
    Ok(Exploration {
        shortlist_size: size as usize,
        probability_floor: floor,
        gap_weight: exploration.gap_weight,
    })
}

fn read_storefront(company: &StorefrontPolicy, own: &StorefrontPolicy) -> Result<(String, Storefront), PolicyFault> {
    if own.abandonment_seconds.is_some() {
        return Err(PolicyFault::AbandonmentOverridden {
            storefront: own.storefront_id.clone(),
        });
    }
    Ok((own.storefront_id.clone(), Storefront::resolve(company, own)?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::policy;
    use super::*;

    #[test]
    fn a_sound_policy_is_read() {
        let rules = Rules::read(&policy()).unwrap();
        assert_eq!(
            rules.action("email_ten_percent").unwrap().offer.as_ref().unwrap().id,
            "ten_percent"
        );
        assert!(rules.action("none").is_none());
        assert!(!rules.action("sms_reminder").unwrap().serves(2));
    }

    #[test]
    fn each_fault_is_refused_by_name() {
        type Spoil = fn(&mut Policy);
        let faults: [(Spoil, &str); 14] = [
            (
                |policy| policy.actions = vec![contract::ActionTemplate::default(); 65],
                "65 actions",
            ),
            (
                |policy| policy.actions[1].action_id = "email_reminder".into(),
                "used twice",
            ),
            (|policy| policy.actions[0].action_id = "none".into(), "used twice"),
            (|policy| policy.actions[0].offer_id = "unknown".into(), "offer_id"),
            (|policy| policy.actions[0].channel = 99, "channel"),
            (|policy| policy.offers[0].terms = None, "terms of offer"),
            (|policy| policy.offers[0].customer_cap = 17, "customer_cap of offer"),
            (
                |policy| policy.company.as_mut().unwrap().abandonment_seconds = None,
                "abandonment_seconds",
            ),
            (
                |policy| policy.company.as_mut().unwrap().time_zone = "Mars/Base".into(),
                "time_zone",
            ),
            (
                |policy| policy.storefronts[0].abandonment_seconds = Some(60),
                "only the company",
            ),
            (
                |policy| policy.exploration.as_mut().unwrap().probability_floor = 0.5,
                "probability_floor",
            ),
            (|policy| policy.frequency_caps[0].window_seconds = 0, "window_seconds"),
            (|policy| policy.frequency_caps[0].max_sends = 33, "max_sends"),
            (|policy| policy.budget_prices[0].budget_id = "fax".into(), "no budget"),
        ];
        for (spoil, words) in faults {
            let mut spoiled = policy();
            spoil(&mut spoiled);
            let fault = Rules::read(&spoiled).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault:?} does not say {words:?}");
        }
    }
}
