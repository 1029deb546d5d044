// Moved to launch/session.hpp; this stays for programs that were written before.
#pragma once

#include "launch/session.hpp"
