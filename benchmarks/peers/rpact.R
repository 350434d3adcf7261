# rpact 3.3 or later. Arrivals are evenly spaced, arms alternate; a trial ends when it rejects.
source("common.R")
suppressPackageStartupMessages(library(rpact))

design <- if (workload == "w1") {
  getDesignGroupSequential(kMax = 1, alpha = 0.025, sided = 1)
} else {
  getDesignGroupSequential(
    typeOfDesign = "asOF", alpha = 0.025, sided = 1, informationRates = events / max(events)
  )
}
stopifnot(abs(design$criticalValues - critical_values) < 1e-5)

report("rpact", function(n) {
  found <- getSimulationSurvival(
    design,
    directionUpper = FALSE, # a hazard ratio below 1 is a benefit
    lambda2 = control_hazard, hazardRatio = hazard_ratio,
    accrualTime = c(0, n_patients / rate_per_month), accrualIntensity = rate_per_month,
    # Probabilities to drop out by month 12.
    dropoutRate1 = 1 - exp(-12 * dropout_hazard), dropoutRate2 = 1 - exp(-12 * dropout_hazard),
    dropoutTime = 12,
    maxNumberOfSubjects = n_patients, plannedEvents = events,
    maxNumberOfIterations = n, longTimeSimulationAllowed = TRUE, seed = seed
  )
  list(
    overall = found$overallReject, by_look = found$rejectPerStage,
    expected_events = found$expectedNumberOfEvents
  )
})
