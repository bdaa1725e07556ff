//! A query has the tables that were judged, of those the granted columns, and nothing else.

use rusqlite::Connection;
use vocab::limits::MAX_RESULT_BYTES;

use super::*;
use crate::wire::Readable;

const HOUSE: &str = "
    CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL, secret TEXT);
    INSERT INTO orders VALUES (1, 9.5, 'sec-one'), (2, 20.0, 'sec-two');
    CREATE TABLE Customers (id INTEGER, name TEXT, doubled AS (id * 2));
    INSERT INTO Customers (id, name) VALUES (1, 'Ada'), (2, 'Zoë');
    CREATE TABLE salaries (who TEXT, amount INTEGER);
    CREATE INDEX pay ON salaries (amount);
    INSERT INTO salaries VALUES ('xaver', 5000);
    CREATE VIEW paid AS SELECT who, amount FROM salaries;
    CREATE VIEW sums AS SELECT sum(total) AS all_of_it FROM orders;
    CREATE VIEW told AS SELECT secret FROM orders;
    CREATE VIRTUAL TABLE words USING fts5(text);
    INSERT INTO words VALUES ('hidden words');
    CREATE TABLE odd (\"a \"\"b\" TEXT, blob BLOB, empty TEXT);
    INSERT INTO odd VALUES ('x', x'0102', NULL);
";

fn field() -> Field {
    let field = Field::new();
    make(&field, "crm.db", HOUSE);
    field
}

fn make(field: &Field, name: &str, sql: &str) {
    let conn = Connection::open(field.root().join(name)).unwrap();
    conn.execute_batch(sql).unwrap();
    conn.close().unwrap();
}

/// `orders` for all of it, `orders(id, total)` for these columns.
fn readable(table: &str) -> Readable {
    match table.strip_suffix(')').and_then(|table| table.split_once('(')) {
        Some((name, columns)) => Readable {
            name: name.to_owned(),
            columns: Some(columns.split(", ").map(str::to_owned).collect()),
        },
        None => Readable { name: table.to_owned(), columns: None },
    }
}

fn ask_in(field: &Field, file: &str, tables: &[&str], query: &str, max_rows: u32) -> FromWorker {
    let tables = tables.iter().map(|table| readable(table)).collect();
    answer(ToWorker::Query { place: field.place(file), tables, query: query.to_owned(), max_rows })
}

/// Asks what needs more memory than there may be.
fn ask_alone(field: &Field, table: &str, query: &str) -> FromWorker {
    let (place, tables) = (field.place("crm.db"), vec![readable(table)]);
    answer_alone(ToWorker::Query { place, tables, query: query.to_owned(), max_rows: 100 })
}

fn ask(field: &Field, tables: &[&str], query: &str) -> FromWorker {
    ask_in(field, "crm.db", tables, query, 100)
}

fn rows(answer: FromWorker) -> String {
    match answer {
        FromWorker::Rows { text, .. } => text,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: FromWorker) -> String {
    match answer {
        FromWorker::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_query_finds_what_is_in_its_tables() {
    let field = field();
    let found = rows(ask(&field, &["orders"], "SELECT * FROM orders ORDER BY id"));
    assert_eq!(found, "[\"id\",\"total\",\"secret\"]\n[1,9.5,\"sec-one\"]\n[2,20.0,\"sec-two\"]\n");
    let joined = "SELECT c.name, sum(o.total) AS sum FROM Customers c JOIN orders o USING (id) \
                  GROUP BY c.name HAVING sum > 5 ORDER BY 1";
    assert_eq!(
        rows(ask(&field, &["customers", "orders"], joined)),
        "[\"name\",\"sum\"]\n[\"Ada\",9.5]\n[\"Zoë\",20.0]\n"
    );
    let with = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n, orders WHERE id = 1";
    assert_eq!(rows(ask(&field, &["orders"], with)), "[\"i\"]\n[1]\n[2]\n[3]\n");
    let own = "WITH salaries AS (SELECT 7 AS amount) SELECT amount FROM salaries, orders LIMIT 1";
    assert_eq!(
        rows(ask(&field, &["orders"], own)),
        "[\"amount\"]\n[7]\n",
        "a CTE of that name is not that table"
    );
    assert_eq!(
        rows(ask(&field, &["customers"], "SELECT doubled FROM \"CUSTOMERS\" WHERE id = 2")),
        "[\"doubled\"]\n[4]\n"
    );
    assert_eq!(
        rows(ask(&field, &["odd"], "SELECT * FROM odd -- ends with a comment")),
        "[\"a \\\"b\",\"blob\",\"empty\"]\n[\"x\",{\"bytes\":2},null]\n"
    );
    assert_eq!(rows(ask(&field, &["orders", "sums"], "SELECT * FROM sums;")), "[\"all_of_it\"]\n[29.5]\n");
    assert_eq!(
        rows(ask(&field, &["orders"], "SELECT 9e999, -9e999 FROM orders LIMIT 1")).lines().nth(1),
        Some("[\"inf\",\"-inf\"]")
    );
    assert_eq!(rows(ask(&field, &["orders"], "SELECT count(*) FROM orders")), "[\"count(*)\"]\n[2]\n");
}

/// Each of these would tell something of `salaries` or of a column that is not granted; `orders(id, total)` is all that was judged.
#[test]
fn a_query_that_says_one_table_and_reads_another_reads_nothing() {
    let field = field();
    for query in [
        "SELECT * FROM salaries",
        "SELECT amount FROM \"SALARIES\"",
        "SELECT amount FROM [Salaries]",
        "SELECT amount FROM `salaries`",
        "SELECT amount FROM main.salaries",
        "SELECT amount FROM temp.salaries",
        "SELECT o.id FROM orders o JOIN salaries s ON s.amount > o.id",
        "SELECT id FROM orders NATURAL JOIN salaries",
        "SELECT count(*) FROM salaries",
        // SQLite asks its authorizer about none of these.
        "SELECT count(*) FROM salaries NATURAL JOIN (SELECT 5000 AS amount)",
        "SELECT count(*) FROM (SELECT 5000 AS amount) JOIN salaries USING (amount)",
        "SELECT 1 FROM (SELECT 5000 AS amount) NATURAL LEFT JOIN salaries",
        "SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM (SELECT 5000 AS amount) NATURAL JOIN salaries)",
        "SELECT id FROM orders WHERE id < (SELECT amount FROM salaries)",
        "SELECT id, (SELECT max(amount) FROM salaries) FROM orders",
        "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM salaries)",
        "SELECT id FROM orders UNION ALL SELECT amount FROM salaries",
        "SELECT id FROM orders ORDER BY (SELECT amount FROM salaries)",
        "WITH orders AS (SELECT amount AS id FROM salaries) SELECT id FROM orders",
        "WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries",
        "WITH x AS MATERIALIZED (SELECT * FROM salaries) SELECT id FROM orders, x",
        "SELECT amount FROM salaries INDEXED BY pay",
        "SELECT * FROM paid",
        "SELECT count(*) FROM paid",
        "SELECT * FROM sums",
        "SELECT 1 FROM orders WHERE id IN salaries",
        "SELECT 1 FROM orders WHERE 5000 IN (SELECT amount FROM salaries)",
    ] {
        let why = refused(ask(&field, &["orders(id, total)"], query));
        assert!(!why.contains("5000") && !why.contains("xaver"), "{query}: {why}");
    }
    let why = refused(ask(
        &field,
        &["orders(id, total)"],
        "SELECT o.id FROM orders o, salaries s WHERE s.amount > 1",
    ));
    assert_eq!(
        why,
        "the query reads `salaries`, which is not among its `tables`; name there every table that it reads, those of a view included"
    );
    let why = refused(ask(
        &field,
        &["orders"],
        "SELECT count(*) FROM salaries NATURAL JOIN (SELECT 5000 AS amount)",
    ));
    assert!(why.starts_with("the query reads `salaries`, which is not among"), "{why}");
}

#[test]
fn a_view_gives_nothing_of_tables_that_were_not_judged_beside_it() {
    let field = field();
    let why = refused(ask(&field, &["paid"], "SELECT * FROM paid"));
    assert!(why.starts_with("the query reads `salaries`"), "{why}");
    assert!(refused(ask(&field, &["paid"], "SELECT count(*) FROM paid")).contains("`salaries`"));
    assert!(
        refused(ask(&field, &["paid"], "SELECT 1 FROM (SELECT 5000 AS amount) NATURAL JOIN paid"))
            .contains("`salaries`")
    );
    assert_eq!(rows(ask(&field, &["paid", "salaries"], "SELECT amount FROM paid")), "[\"amount\"]\n[5000]\n");
    // Nor of columns that are not granted.
    let why = refused(ask(&field, &["told", "orders(id, total)"], "SELECT * FROM told"));
    assert_eq!(why, "the query reads the column `secret` of `orders`, which is not granted");
}

#[test]
fn columns_that_are_not_granted_do_not_exist() {
    let field = field();
    let granted = ["orders(id, total)"];
    assert_eq!(
        rows(ask(&field, &granted, "SELECT * FROM orders")),
        "[\"id\",\"total\"]\n[1,9.5]\n[2,20.0]\n",
        "all columns are the granted ones"
    );
    for query in [
        "SELECT secret FROM orders",
        "SELECT o.Secret FROM orders AS o",
        "SELECT \"secret\" FROM orders",
        "SELECT [secret] FROM orders",
        "SELECT main.orders.secret FROM orders",
        "SELECT id FROM orders WHERE secret LIKE 's%'",
        "SELECT id FROM orders ORDER BY secret",
        "SELECT count(secret) FROM orders",
        "SELECT id FROM orders GROUP BY secret",
        "SELECT id FROM orders JOIN (SELECT 'sec-one' AS secret) USING (secret)",
        "SELECT id FROM main.orders NATURAL JOIN (SELECT 'sec-one' AS secret)",
        "SELECT id FROM temp.orders JOIN (SELECT 'sec-one' AS secret) USING (secret)",
    ] {
        let why = refused(ask(&field, &granted, query));
        assert!(!why.contains("sec-"), "{query}: {why}");
    }
    // What is common to both is nothing, so this joins each with each.
    let natural = "SELECT count(*) FROM orders NATURAL JOIN (SELECT 'no such secret' AS secret)";
    assert_eq!(rows(ask(&field, &granted, natural)), "[\"count(*)\"]\n[2]\n");
    assert!(refused(ask(&field, &["orders(none)"], "SELECT 1 FROM orders")).contains("none of the columns"));
}

#[test]
fn what_is_the_databases_own_is_not_read() {
    let field = field();
    for query in [
        "SELECT * FROM sqlite_schema",
        "SELECT sql FROM sqlite_master",
        "SELECT * FROM main.sqlite_schema",
        "SELECT * FROM temp.sqlite_schema",
        "SELECT * FROM sqlite_temp_master",
        "SELECT count(*) FROM sqlite_schema",
        "SELECT 1 FROM (SELECT 'table' AS type) NATURAL JOIN sqlite_schema",
        "SELECT * FROM pragma_table_info('salaries')",
        "SELECT name FROM pragma_database_list",
        "SELECT 1 FROM (SELECT 0 AS seq) NATURAL JOIN pragma_database_list",
        "SELECT * FROM pragma_table_list",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT * FROM words",
        "SELECT * FROM words_content",
        "SELECT * FROM fts5vocab",
        "SELECT * FROM json_each('[1]')",
        "SELECT * FROM sqlite_stmt",
        "SELECT load_extension('x') FROM orders",
        "SELECT readfile('/etc/passwd') FROM orders",
        "SELECT writefile('x', 'y') FROM orders",
        "SELECT fts3_tokenizer('simple') FROM orders",
        "SELECT randomblob(1000000) FROM orders",
        "SELECT zeroblob(1000000) FROM orders",
        "SELECT sqlite_version() FROM orders",
        "SELECT sqlite_compileoption_get(1) FROM orders",
        "SELECT last_insert_rowid() FROM orders",
        "SELECT sqlite_offset(id) FROM orders",
    ] {
        let why = refused(ask(&field, &["orders"], query));
        assert!(!why.contains("CREATE") && !why.contains("5000"), "{query}: {why}");
    }
    assert!(refused(ask(&field, &["words"], "SELECT * FROM words")).contains("virtual table"));
}

#[test]
fn only_one_select_is_done() {
    let field = field();
    let before = std::fs::read(field.root().join("crm.db")).unwrap();
    for query in [
        "",
        ";",
        "-- nothing",
        "/* nothing",
        "SELECT id FROM orders; SELECT id FROM orders",
        "SELECT id FROM orders; DROP TABLE orders",
        "SELECT id FROM orders;;SELECT amount FROM salaries",
        "SELECT id FROM orders /* ; */ ; ATTACH 'x' AS y",
        "INSERT INTO orders VALUES (3, 1, 'x')",
        "INSERT INTO orders VALUES (3, 1, 'x') RETURNING id",
        "WITH x AS (SELECT 1) DELETE FROM orders",
        "UPDATE orders SET total = 0 RETURNING total",
        "DROP TABLE orders",
        "CREATE TABLE mine (x)",
        "CREATE TEMP VIEW salaries AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT * FROM orders",
        "ATTACH '/etc/passwd' AS p",
        "ATTACH ':memory:' AS p",
        "DETACH temp",
        "PRAGMA database_list",
        "PRAGMA writable_schema = ON",
        "PRAGMA hard_heap_limit = 0",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN",
        "SAVEPOINT a",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT id FROM orders",
        "EXPLAIN QUERY PLAN SELECT amount FROM salaries",
        "VALUES (1) RETURNING 1",
        "SELECT id FROM orders WHERE id = ?1",
        "SELECT id FROM orders WHERE id = :id",
        "SELECT",
        "SELECT id FROM",
        "select id frm orders",
    ] {
        refused(ask(&field, &["orders"], query));
    }
    assert_eq!(std::fs::read(field.root().join("crm.db")).unwrap(), before, "nothing was written");
}

#[test]
fn what_comes_back_is_bounded() {
    let field = field();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    match ask_in(&field, "crm.db", &["orders"], many, 3) {
        FromWorker::Rows { text, rows: 3, more: true } => assert_eq!(text, "[\"i\"]\n[1]\n[2]\n[3]\n"),
        other => panic!("{other:?}"),
    }
    match ask_in(&field, "crm.db", &["orders"], "SELECT id FROM orders", 2) {
        FromWorker::Rows { rows: 2, more: false, .. } => {}
        other => panic!("{other:?}"),
    }
    match ask_in(
        &field,
        "crm.db",
        &["orders"],
        &format!("{many} WHERE length(printf('%0900d', i)) > 1"),
        u32::MAX,
    ) {
        FromWorker::Rows { text, more: true, .. } => assert!(text.len() <= MAX_RESULT_BYTES),
        other => panic!("{other:?}"),
    }
    // One row that is too large.
    let wide = "SELECT printf('%.900000c', 'x') FROM orders";
    match ask(&field, &["orders"], wide) {
        FromWorker::Rows { text, rows: 0, more: true } => assert!(text.len() < 200),
        other => panic!("{other:?}"),
    }
    assert!(
        refused(ask(&field, &["orders"], "SELECT printf('%.9000000c', 'x') FROM orders")).contains("SQLite")
    );
    let deep = format!("SELECT {}1{} FROM orders", "(".repeat(5_000), ")".repeat(5_000));
    refused(ask(&field, &["orders"], &deep));
    let columns = format!("SELECT {} FROM orders", vec!["id"; 1_000].join(", "));
    refused(ask(&field, &["orders"], &columns));
    let memory = "WITH RECURSIVE n(i, x) AS (SELECT 1, printf('%.900000c', 'x') UNION SELECT i + 1, x || i FROM n WHERE i < 100000) \
                  SELECT count(*) FROM n";
    refused(ask_alone(&field, "orders", memory));
}

#[test]
fn a_file_that_is_no_plain_database_is_one_sentence() {
    let field = field();
    field.put("words.db", "these are words and no database at all, though there are more than a hundred bytes of them in this file");
    field.put("short.db", "SQLite format 3\0");
    field.put("empty.db", "");
    let whole = std::fs::read(field.root().join("crm.db")).unwrap();
    field.put("cut.db", &whole[..whole.len() / 2]);
    field.link(field.root().join("crm.db"), "link.db");
    std::fs::create_dir(field.root().join("folder.db")).unwrap();
    make(&field, "wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE orders (id)");
    for (file, says) in [
        ("words.db", "no SQLite database"),
        ("short.db", "no SQLite database"),
        ("empty.db", "no SQLite database"),
        ("cut.db", ""),
        ("link.db", "symbolic link"),
        ("folder.db", "only regular files"),
        ("none.db", "is not there"),
        ("wal.db", "WAL mode"),
    ] {
        let why = refused(ask_in(&field, file, &["orders"], "SELECT * FROM orders", 10));
        assert!(why.contains(says) && !why.contains('\n'), "{file}: {why}");
    }
    assert!(refused(ask(&field, &["nowhere"], "SELECT 1")).contains("there is no table or view `nowhere`"));
}

/// Whatever the file is, there is an answer, and none of it is of a table that was not judged.
#[test]
fn a_damaged_file_gives_an_answer_and_nothing_else() {
    let field = field();
    let whole = std::fs::read(field.root().join("crm.db")).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 400 + 1) {
        for with in [0x00, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = with;
            field.put("hurt.db", &bytes);
            match ask_in(&field, "hurt.db", &["customers"], "SELECT * FROM customers", 10) {
                FromWorker::Rows { text, .. } => assert!(!text.contains("5000"), "{at}: {text}"),
                FromWorker::Failed { why } => assert!(!why.contains('\n'), "{at}: {why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A view or a column of the file itself does more than look.
#[test]
fn a_hostile_schema_opens_nothing() {
    let field = field();
    for (nth, sql) in [
        "CREATE VIEW orders AS SELECT load_extension('/tmp/x') AS id",
        "CREATE VIEW orders AS SELECT * FROM pragma_table_list",
        "CREATE VIEW orders AS SELECT * FROM json_each('[1,2]')",
        "CREATE VIEW orders AS SELECT * FROM orders",
        "CREATE TABLE orders (id, made AS (hex(randomblob(id)))); INSERT INTO orders VALUES (1)",
        "CREATE VIEW orders AS SELECT zeroblob(1000000) AS id",
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("hostile-{nth}.db");
        let conn = Connection::open(field.root().join(&file)).unwrap();
        // What SQLite itself refuses to make is no case.
        let made = conn.execute_batch(sql);
        drop(conn);
        if made.is_ok() {
            refused(ask_in(&field, &file, &["orders"], "SELECT * FROM orders", 10));
        }
    }
}
