# simtrial 1.0 or later, whose z is positive for a benefit. Arrivals are a Poisson process; a trial
# ends when it rejects.
source("common.R")
stopifnot(packageVersion("simtrial") >= "1.0.0")
suppressPackageStartupMessages(library(simtrial))

arms <- c("control", "experimental")
one_piece <- function(rate) {
  data.frame(stratum = "All", period = 1, treatment = arms, duration = 1000, rate = rate)
}

# The look at which one trial rejects (0: at none), and its events by then.
one_trial <- function() {
  trial <- sim_pw_surv(
    n = n_patients,
    stratum = data.frame(stratum = "All", p = 1),
    block = rep(arms, each = 2),
    enroll_rate = data.frame(rate = rate_per_month, duration = n_patients / rate_per_month),
    fail_rate = one_piece(control_hazard * c(1, hazard_ratio)),
    dropout_rate = one_piece(dropout_hazard)
  )
  for (look in seq_along(events)) {
    data <- cut_data_by_event(trial, events[look])
    if (wlr(data, weight = fh(rho = 0, gamma = 0))$z >= critical_values[look]) {
      return(c(look, sum(data$event)))
    }
  }
  c(0, sum(data$event))
}

set.seed(seed)
report("simtrial", function(n) {
  ended <- replicate(n, one_trial())
  list(
    overall = mean(ended[1, ] > 0),
    by_look = sapply(seq_along(events), function(look) mean(ended[1, ] == look)),
    expected_events = mean(ended[2, ])
  )
})
