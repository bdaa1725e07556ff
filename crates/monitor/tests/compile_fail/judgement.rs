use bulkhead_monitor::Judgement;
use vocab::Verdict;

fn soften(mut judgement: Judgement, verdict: Verdict) -> Judgement {
    judgement.verdict = verdict;
    judgement
}

fn main() {}
