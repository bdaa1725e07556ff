use bulkhead_monitor::Judgement;

fn hurry(judgement: Judgement) {
    drop(judgement.settle());
}

fn main() {}
