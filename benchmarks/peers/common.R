# W1 and W2 in numbers (benchmarks/w1.toml and w2.toml hold the same), and the line that each script
# prints. Sourced by the scripts beside it: Rscript PACKAGE.R w1|w2 TRIALS SEED

arguments <- commandArgs(trailingOnly = TRUE)
workload <- match.arg(arguments[1], c("w1", "w2"))
n_trials <- as.integer(arguments[2])
seed <- as.integer(arguments[3])

n_patients <- 300
rate_per_month <- 12.5
control_hazard <- log(2) / 10
hazard_ratio <- 0.65
dropout_hazard <- 0.01
events <- list(w1 = 200, w2 = c(100, 150, 200))[[workload]]
critical_values <- list(w1 = qnorm(0.975), w2 = c(2.962588, 2.359018, 2.014084))[[workload]]

# CPU seconds, start-up excluded, of simulate(n), which returns list(overall, by_look, expected_events)
report <- function(package, simulate) {
  simulate(2)
  start <- proc.time()
  found <- simulate(n_trials)
  # Not below the clock's resolution.
  seconds <- max(0.001, sum((proc.time() - start)[c("user.self", "sys.self")]))
  numbers <- function(x) paste(format(x, digits = 15, trim = TRUE), collapse = ", ")
  cat(sprintf(
    paste0(
      '{"package": "%s", "version": "%s", "workload": "%s", "n_trials": %d, "cpu_seconds": %s, ',
      '"rejection": %s, "first_rejections": [%s], "expected_events": %s}\n'
    ),
    package, packageVersion(package), workload, n_trials, numbers(seconds),
    numbers(found$overall), numbers(found$by_look),
    if (is.null(found$expected_events)) "null" else numbers(found$expected_events)
  ))
}
