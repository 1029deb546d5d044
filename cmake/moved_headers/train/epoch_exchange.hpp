// Moved to record/epoch_exchange.hpp; this stays for programs that were written before.
#pragma once

#include "record/epoch_exchange.hpp"
