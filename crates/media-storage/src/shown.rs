//! Reports in one line.

use std::fmt;

use media_types::readable::{count, counted, size};

use crate::copies::CopiesReport;
use crate::inventory::{SweepReport, Usage};
use crate::verifier::VerifyReport;

/// Joins the counts that are not 0, each with what it counts.
fn listed<const N: usize>(counts: [(u64, &str); N]) -> String {
    let named = counts.iter().filter(|(number, _)| *number > 0);
    let named: Vec<_> = named
        .map(|(number, what)| format!("{} {what}", count(*number)))
        .collect();
    named.join(", ")
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bodies = match self.blobs {
            1 => "1 body".to_owned(),
            bodies => format!("{} bodies", count(bodies)),
        };
        write!(
            f,
            "{} to {}, {bodies} of {} stored",
            counted(self.references, "reference"),
            size(self.logical_bytes),
            size(self.stored_bytes)
        )?;
        if self.copies > 0 {
            write!(f, "; {} with bytes of their own", count(self.copies))?;
        }
        if self.quarantined > 0 {
            let (items, bytes) = (count(self.quarantined), size(self.quarantined_bytes));
            write!(f, "; {items} in quarantine ({bytes})")?;
        }
        Ok(())
    }
}

impl fmt::Display for SweepReport {
    /// Writes what is not 0. A dry run reads as the sweep would.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} freed", size(self.freed_bytes))?;
        let removed = listed([
            (self.expired, "expired"),
            (self.deleted, "deleted"),
            (self.pruned, "over the capacity"),
            (self.orphans, "sidecars without media"),
            (self.blobs, "unreferenced bodies"),
            (self.staging, "left by ended processes"),
            (self.quarantined, "from quarantine"),
            (self.cached_copies, "copies of a cache"),
        ]);
        let kept = listed([
            (self.future, "stored in the future"),
            (self.held, "on hold"),
            (self.unattributed, "of an unknown scope"),
        ]);
        let left = listed([
            (self.failed, "failed"),
            (self.unfinished, "parts left to other sweeps"),
            (self.other_caches, "other caches"),
        ]);
        for (what, items) in [("; removed: ", removed), ("; kept: ", kept), ("; ", left)] {
            if !items.is_empty() {
                write!(f, "{what}{items}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} checked, {} read: ",
            counted(self.references, "reference"),
            size(self.read_bytes)
        )?;
        match self.issue_count {
            0 => f.write_str("nothing is wrong")?,
            issues => f.write_str(&counted(issues, "issue"))?,
        }
        let done = listed([
            (self.repaired, "repaired"),
            (self.quarantined, "moved to quarantine"),
        ]);
        match done.is_empty() {
            true => Ok(()),
            false => write!(f, "; {done}"),
        }
    }
}

impl fmt::Display for CopiesReport {
    /// Writes what is left with the reasons that the place gave.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copies = match self.removed {
            1 => "1 copy".to_owned(),
            copies => format!("{} copies", count(copies)),
        };
        write!(f, "{copies} removed ({})", size(self.bytes))?;
        for kept in &self.kept {
            write!(f, "; {} kept: {}", count(kept.copies), kept.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::VerifyIssueKind;

    #[test]
    fn usage_is_shown_in_a_line() {
        let mut usage = Usage {
            references: 1234,
            blobs: 1,
            logical_bytes: 3 << 20,
            stored_bytes: 1 << 20,
            ..Usage::default()
        };
        let line = "1,234 references to 3.00 MiB, 1 body of 1.00 MiB stored";
        assert_eq!(usage.to_string(), line);
        (usage.copies, usage.quarantined, usage.quarantined_bytes) = (2, 3, 17);
        let more = "; 2 with bytes of their own; 3 in quarantine (17 B)";
        assert_eq!(usage.to_string(), format!("{line}{more}"));
    }

    #[test]
    fn a_sweep_is_shown_by_what_is_not_0() {
        assert_eq!(SweepReport::default().to_string(), "0 B freed");
        let report = SweepReport {
            expired: 2,
            blobs: 1000,
            freed_bytes: 2048,
            held: 4,
            failed: 1,
            ..SweepReport::default()
        };
        assert_eq!(
            report.to_string(),
            "2.00 KiB freed; removed: 2 expired, 1,000 unreferenced bodies; kept: 4 on hold; 1 failed"
        );
    }

    #[test]
    fn a_check_is_shown_with_its_issues_and_what_was_done() {
        let mut report = VerifyReport {
            references: 1,
            read_bytes: 10,
            ..VerifyReport::default()
        };
        let line = "1 reference checked, 10 B read: ";
        assert_eq!(report.to_string(), format!("{line}nothing is wrong"));
        report.add("a", VerifyIssueKind::WrongBytes);
        report.add("b", VerifyIssueKind::MissingSidecar);
        (report.repaired, report.quarantined) = (1, 1);
        let issues = "2 issues; 1 repaired, 1 moved to quarantine";
        assert_eq!(report.to_string(), format!("{line}{issues}"));
    }

    #[test]
    fn copies_are_shown_with_why_some_are_left() {
        let report = CopiesReport::new(1, 2048).with_kept(3, "no permission");
        assert_eq!(
            report.to_string(),
            "1 copy removed (2.00 KiB); 3 kept: no permission"
        );
    }
}
