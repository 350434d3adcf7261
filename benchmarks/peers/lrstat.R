# lrstat 0.3.0 or later. Arrivals are a Poisson process; one thread where lrsim can be told so.
source("common.R")
stopifnot(packageVersion("lrstat") >= "0.3.0")
suppressPackageStartupMessages(library(lrstat))

one_thread <- if ("nthreads" %in% names(formals(lrsim))) list(nthreads = 1) else list()
report("lrstat", function(n) {
  found <- do.call(lrsim, c(one_thread, list(
    kMax = length(events), informationRates = events / max(events),
    criticalValues = critical_values,
    allocation1 = 1, allocation2 = 1,
    accrualTime = 0, accrualIntensity = rate_per_month, n = n_patients,
    piecewiseSurvivalTime = 0,
    lambda1 = hazard_ratio * control_hazard, lambda2 = control_hazard,
    gamma1 = dropout_hazard, gamma2 = dropout_hazard,
    plannedEvents = events, maxNumberOfIterations = n, seed = seed
  )))$overview
  list(
    overall = found$overallReject, by_look = found$rejectPerStage,
    expected_events = found$expectedNumberOfEvents
  )
})
