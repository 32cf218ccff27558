//! No statement of a turn looks at more rows than it needs.

use rusqlite::Connection;

use crate::sqlite::{apply, load, rows, schema, view};

#[test]
fn every_statement_of_a_turn_uses_an_index() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(schema::CREATE).unwrap();
    for sql in [
        rows::FIND,
        rows::NEXT_CHANGE,
        rows::UPDATE_RECORD,
        view::LOGGED,
        view::LOGGED_AT,
        view::TURN,
        view::KEYED,
        view::PLACE,
        load::NEWEST_SLOTS,
        load::SLOT,
        load::BY_SLOT,
        load::BY_POSITION,
        apply::REPLACE,
        apply::UPDATE_SLOT,
        apply::PRUNE,
    ] {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let parameters = plan.parameter_count();
        let parameters = rusqlite::params_from_iter(std::iter::repeat_n(1, parameters));
        let steps: Vec<String> = plan
            .query_map(parameters, |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let steps = steps.join("; ");
        assert!(steps.contains("SEARCH"), "{sql}: {steps}");
        assert!(
            !steps.contains("SCAN") && !steps.contains("TEMP B-TREE"),
            "{sql}: {steps}"
        );
    }
}
