//! What a write makes of the turns of a conversation.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_types::TurnId;

use crate::clock::later;
use crate::error::{StateError, StateErrorKind};
use crate::record::ConversationRecord;
use crate::transition::check::Failures;
use crate::transition::plan::{PlannedCut, PlannedTurn};
use crate::transition::view::{StateView, TurnRow};
use crate::turn::{ContextInclusion, Lease, TurnRecord, TurnStatus};
use crate::write::{Fence, LeaseChange, StateWrite};

/// The turns that a write changes, and the record that follows from them.
pub(super) struct TurnChanges<'a, V> {
    view: &'a V,
    failures: Failures<'a>,
    now: DateTime<Utc>,
    planned: Vec<PlannedTurn>,
}

impl<'a, V: StateView> TurnChanges<'a, V> {
    pub(super) fn new(view: &'a V, failures: Failures<'a>, now: DateTime<Utc>) -> Self {
        Self {
            view,
            failures,
            now,
            planned: Vec::new(),
        }
    }

    /// Writes the turns of a write. `first` has the positions of the first messages of turns that
    /// the write adds messages to. A turn that ends, and of which the cut leaves nothing, goes with it.
    pub(super) fn put(
        &mut self,
        write: &StateWrite,
        record: &mut ConversationRecord,
        first: &HashMap<&TurnId, u64>,
        cut: Option<&PlannedCut>,
    ) -> Result<(), StateError> {
        let moves_head = matches!(write.fence, Fence::Head { .. } | Fence::TakeOver { .. });
        for turn in &write.turns {
            let row = self.view.turn(&turn.id)?;
            if !moves_head {
                let held = row.as_ref().map(|row| &row.turn);
                let same = held.is_some_and(|held| {
                    held.status == turn.status && held.in_context == turn.in_context
                });
                if !same {
                    let detail = format!(
                        "turn {}: a change of status needs a fence of the head",
                        turn.id
                    );
                    return Err(self.failures.invalid(detail));
                }
            }
            if row.as_ref().is_some_and(|row| row.branch != 0) {
                return Err(self
                    .failures
                    .invalid(format!("turn {} was cut off", turn.id)));
            }
            let goes = |row: &TurnRow| {
                let cut = cut.filter(|cut| row.first >= cut.from)?;
                let ends = !turn.status.is_open() && !first.contains_key(&turn.id);
                ends.then_some(cut.branch)
            };
            let gone = row.as_ref().and_then(goes);
            if gone == Some(None) {
                record.current_turn.take_if(|current| *current == turn.id);
                continue;
            }
            let branch = gone.flatten();
            let end = record.message_count;
            let first = first.get(&turn.id).copied().unwrap_or(end);
            self.planned.push(match row {
                Some(row) => PlannedTurn {
                    slot: row.slot,
                    branch: branch.unwrap_or(0),
                    first: match branch {
                        Some(_) => row.first,
                        None => row.first.min(first),
                    },
                    is_new: false,
                    in_context: counts(turn),
                    turn: Some(merged(turn, Some(&row.turn))),
                },
                None => PlannedTurn {
                    slot: new_slot(record),
                    branch: 0,
                    first,
                    is_new: true,
                    in_context: counts(turn),
                    turn: Some(merged(turn, None)),
                },
            });
        }
        self.choose_current(record)
    }

    /// Of all turns at most one is open.
    fn choose_current(&self, record: &mut ConversationRecord) -> Result<(), StateError> {
        let mut current = record.current_turn.take();
        if let Some(turn) = current.as_ref().and_then(|id| self.planned(id))
            && !turn.status.is_open()
        {
            current = None;
        }
        for turn in self
            .planned
            .iter()
            .filter_map(|planned| planned.turn.as_ref())
        {
            if !turn.status.is_open() {
                continue;
            }
            if let Some(other) = current.replace(turn.id.clone())
                && other != turn.id
            {
                return Err(self.failures.invalid(format!("turn {other} is still open")));
            }
        }
        record.current_turn = current;
        Ok(())
    }

    fn planned(&self, id: &TurnId) -> Option<&TurnRecord> {
        let mut turns = self
            .planned
            .iter()
            .filter_map(|planned| planned.turn.as_ref());
        turns.find(|turn| turn.id == *id)
    }

    /// Returns a turn to change: as the write leaves it so far, or as it is held.
    fn change(&mut self, id: &TurnId) -> Result<&mut TurnRecord, StateError> {
        if self.planned(id).is_none() {
            let row = self.view.turn(id)?.ok_or_else(|| {
                self.failures
                    .invalid(format!("turn {id} is not in the conversation"))
            })?;
            self.planned.push(held(row, self.failures)?);
        }
        let mut turns = self
            .planned
            .iter_mut()
            .filter_map(|planned| planned.turn.as_mut());
        turns
            .find(|turn| turn.id == *id)
            .ok_or_else(|| self.failures.kind(StateErrorKind::Other))
    }

    /// Asks a turn to end, unless it has.
    pub(super) fn cancel(&mut self, id: &TurnId) -> Result<(), StateError> {
        let turn = self.change(id)?;
        turn.cancel_requested |= turn.status.is_open();
        Ok(())
    }

    /// Changes the lease of the current turn.
    pub(super) fn lease(
        &mut self,
        change: &LeaseChange,
        record: &mut ConversationRecord,
        taken_over: bool,
    ) -> Result<(), StateError> {
        if *change == LeaseChange::Keep {
            return Ok(());
        }
        let (failures, now) = (self.failures, self.now);
        let Some(id) = record.current_turn.clone() else {
            return Err(failures.invalid("no turn is running whose lease could change"));
        };
        let turn = self.change(&id)?;
        if turn.status != TurnStatus::Running {
            return Err(failures.invalid(format!("turn {id} is suspended, and holds no lease")));
        }
        match change {
            LeaseChange::Keep => {}
            LeaseChange::Take { owner, duration } => {
                if turn.lease.is_some() && !taken_over {
                    let detail = format!("turn {id} is leased, and its lease is not taken over");
                    return Err(failures.invalid(detail));
                }
                record.counters.lease_epoch += 1;
                turn.epoch = record.counters.lease_epoch;
                turn.lease = Some(Lease {
                    epoch: turn.epoch,
                    owner: owner.clone(),
                    expires_at: later(now, *duration),
                });
            }
            LeaseChange::Hold(duration) => {
                let Some(lease) = &mut turn.lease else {
                    return Err(failures.invalid(format!("turn {id} holds no lease")));
                };
                // Always later, so that a take-over that saw the old end never fits the new one.
                let soonest = later(lease.expires_at, Duration::from_millis(1));
                lease.expires_at = later(now, *duration).max(soonest);
            }
            LeaseChange::Release => turn.lease = None,
        }
        Ok(())
    }

    /// Adds the slot of a message that belongs to no turn.
    pub(super) fn open_slot(&mut self, record: &mut ConversationRecord, first: u64) -> u64 {
        let slot = new_slot(record);
        record.counters.open_slot = Some(slot);
        self.planned.push(PlannedTurn {
            slot,
            branch: 0,
            first,
            is_new: true,
            in_context: true,
            turn: None,
        });
        slot
    }

    /// Returns the slot of a turn that is on branch 0 after the write.
    pub(super) fn slot_of(&self, id: &TurnId) -> Result<u64, StateError> {
        let planned = self
            .planned
            .iter()
            .find(|planned| planned.turn.as_ref().is_some_and(|turn| turn.id == *id));
        if let Some(planned) = planned {
            return Ok(planned.slot);
        }
        match self.view.turn(id)? {
            Some(row) if row.branch == 0 => Ok(row.slot),
            _ => Err(self
                .failures
                .invalid(format!("a message names the unknown turn {id}"))),
        }
    }

    pub(super) fn finish(self) -> Vec<PlannedTurn> {
        self.planned
    }
}

/// What a turn becomes. Lease and epoch belong to the store, and nothing clears the wish to cancel
/// but a new start.
fn merged(put: &TurnRecord, held: Option<&TurnRecord>) -> TurnRecord {
    let mut turn = put.clone();
    turn.epoch = held.map_or(0, |held| held.epoch);
    turn.lease = held.and_then(|held| held.lease.clone());
    if turn.status != TurnStatus::Running {
        turn.lease = None;
    }
    if let Some(held) = held {
        let restarted = turn.status.is_open() && !held.status.is_open();
        turn.cancel_requested |= held.cancel_requested && !restarted;
    }
    turn
}

fn held(row: TurnRow, failures: Failures<'_>) -> Result<PlannedTurn, StateError> {
    if row.branch != 0 {
        return Err(failures.invalid(format!("turn {} was cut off", row.turn.id)));
    }
    Ok(PlannedTurn {
        slot: row.slot,
        branch: 0,
        first: row.first,
        is_new: false,
        in_context: counts(&row.turn),
        turn: Some(row.turn),
    })
}

fn counts(turn: &TurnRecord) -> bool {
    turn.in_context != ContextInclusion::None
}

fn new_slot(record: &mut ConversationRecord) -> u64 {
    let slot = record.counters.slots;
    record.counters.slots += 1;
    record.counters.open_slot = None;
    slot
}
