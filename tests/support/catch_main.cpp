// main() of the tests that need no MPI.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include "outcome.hpp"

int main(int argc, char** argv) { return lockstep::test::exit_code(Catch::Session().run(argc, argv)); }
