"""Codes: the integers by which the engine is told, and tells, which of several things is meant."""

# Arrivals.
EVENLY_SPACED = 0
POISSON = 1

# Kinds of node in the program that yields a look's cutoff.
NODE_EVENTS = 0
NODE_CALENDAR = 1
NODE_MINIMUM_FOLLOW_UP = 2
NODE_AFTER_PREVIOUS = 3
NODE_LATEST = 4
NODE_EARLIEST = 5

# What a look does when its number of events is never reached.
FALL_BACK_LAST_EVENT = 0
FALL_BACK_ALL_DATA = 1
FALL_BACK_SKIP = 2

# Ties of a hazard ratio.
ESTIMATE_NONE = 0
ESTIMATE_BRESLOW = 1
ESTIMATE_EFRON = 2

# What a row's test or estimate is.
TEST_LOGRANK = 0
TEST_WEIGHTED = 1
TEST_MAXCOMBO = 2
TEST_RESTRICTED_MEAN = 3
TEST_MILESTONE = 4
TEST_LANDMARK = 5
TEST_PROPORTIONS = 6
TEST_EXACT_BINOMIAL = 7
ESTIMATE_OF_MEDIAN = 8
ESTIMATE_OF_SURVIVAL = 9
ESTIMATE_OF_RESTRICTED_MEAN = 10
ESTIMATE_OF_RATE = 11
ESTIMATE_OF_LAST_SURVIVAL = 12
ESTIMATE_OF_SHARE_EVENT_FREE = 13
ESTIMATE_OF_MINIMUM = 14
ESTIMATE_OF_MAXIMUM = 15
# Those that need a curve to its end.
ESTIMATES_OF_WHOLE_CURVES = (
    ESTIMATE_OF_MEDIAN,
    ESTIMATE_OF_LAST_SURVIVAL,
    ESTIMATE_OF_MINIMUM,
    ESTIMATE_OF_MAXIMUM,
)

# Endpoints of responders only, which have no rows in the arrays by endpoint.
ENDPOINT_DURATION_OF_RESPONSE = -1
ENDPOINT_TIME_TO_RESPONSE = -2

# Weights of a log-rank test.
WEIGHTS_NONE = -1
WEIGHTS_FLEMING_HARRINGTON = 0
WEIGHTS_MODEST_BY_MONTH = 1
WEIGHTS_MODEST_BY_SURVIVAL = 2

# What happened to a patient by the end of that patient's own follow-up. The codes are weights of
# places in one integer, so that a single sum counts patients (1 each), events and dropouts.
COUNT_BITS = 21
COUNT_MASK = (1 << COUNT_BITS) - 1
FOLLOWED_TO_END = 0
EVENT = 1 << COUNT_BITS
DROPOUT = 1 << (2 * COUNT_BITS)

# Status of a row, a sum of flags.
STATUS_LOOK_SKIPPED = 1
STATUS_TARGET_NOT_REACHED = 2
STATUS_NO_INFORMATION = 4
STATUS_ESTIMATE_INFINITE = 8
STATUS_ESTIMATE_NOT_CONVERGED = 16
STATUS_NOT_ESTIMABLE = 32
