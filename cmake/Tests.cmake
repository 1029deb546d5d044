# lockstep_test(NAME SOURCES ... LINKS ... [LABELS unit])       a Catch2 program, one CTest entry
# lockstep_mpi_test(NAME RANKS 1 2 4 SOURCES ... LINKS ...)     a Catch2 program under mpirun, one CTest entry a rank count;
#   [SHM 2 3] more of them over the back end shm, [NODES 3 4] with one node taken for several (tests/support/test_backend.hpp)
# An MPI test whose launcher is missing or does not start FAILS: it is never skipped. Exit code 77 is that of a test
# that could not judge times because the machine had other work (tests/support/timed.hpp), and of one with the label gpu
# where there is none (tests/support/gpu.hpp). Tests with that label are always registered, and run one at a time.

include(AfterTests)

# LOCKSTEP_TEST_PYTHON: a Python that can import h5py, numpy, safetensors and yaml, as scripts/bootstrap --tests makes one; empty if none can.
if(NOT LOCKSTEP_TEST_PYTHON)
  file(GLOB _pythons "${CMAKE_SOURCE_DIR}/.deps/*-venv/bin/python3")
  foreach(_python ${_pythons} python3)
    execute_process(COMMAND ${_python} -c "import h5py, numpy, safetensors, yaml" RESULT_VARIABLE _failed OUTPUT_QUIET ERROR_QUIET)
    if(_failed EQUAL 0)
      set(LOCKSTEP_TEST_PYTHON "${_python}" CACHE FILEPATH "Python with h5py, numpy and yaml, for the tests")
      break()
    endif()
  endforeach()
endif()
set(LOCKSTEP_MPI_ENV
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_base_warn_component_unused=0 OMP_NUM_THREADS=1)

# A test's own code is compiled at -O1, in four fifths of the time of -O3; the layers that it tests keep their own.
set(LOCKSTEP_TEST_OPTIONS $<$<CONFIG:Release>:-O1>)

# main() with all of Catch2's code, which takes longer to compile than most tests: once, and linked into every program.
function(_lockstep_test_main NAME)
  add_library(${NAME} OBJECT ${CMAKE_SOURCE_DIR}/tests/support/${NAME}.cpp)
  set_target_properties(${NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${NAME} PUBLIC Catch2::Catch2 PRIVATE lockstep_options ${ARGN})
  target_compile_options(${NAME} PRIVATE ${LOCKSTEP_TEST_OPTIONS})
endfunction()
_lockstep_test_main(catch_main)
if(NOT LOCKSTEP_ANALYSIS_ONLY)
  _lockstep_test_main(mpi_main MPI::MPI_CXX)
endif()

# _lockstep_check_names(NAME KIND SOURCES...): lib/<folder>/<name>.cpp is tested by tests/<folder>/<name>_test.cpp, on several ranks by
# <name>_mpi_test.cpp, on a GPU by <name>_gpu_test.cpp, in programs test_*. KIND: test, mpi_test or gpu_test. Other sources are help.
function(_lockstep_check_names NAME KIND)
  set(tests ${ARGN})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(wrong ${tests})
  if(KIND STREQUAL "test")
    list(FILTER wrong INCLUDE REGEX "_(mpi|gpu)_test\\.cpp$")
  else()
    list(FILTER wrong EXCLUDE REGEX "_${KIND}\\.cpp$")
  endif()
  if(NOT NAME MATCHES "^test_" OR NOT tests OR wrong)
    message(FATAL_ERROR "${NAME} (${ARGN}): the program is to be called test_..., and its sources ..._${KIND}.cpp")
  endif()
endfunction()

function(_lockstep_test_program NAME)
  cmake_parse_arguments(T "TORCH" "MAIN" "SOURCES;LINKS" ${ARGN})
  add_executable(${NAME} ${T_SOURCES})
  target_include_directories(${NAME} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR})
  target_link_libraries(${NAME} PRIVATE lockstep_options ${T_LINKS} ${T_MAIN})
  target_compile_definitions(${NAME} PRIVATE LOCKSTEP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(${NAME} PRIVATE ${LOCKSTEP_TEST_OPTIONS})
  if(T_TORCH)
    lockstep_use_torch(${NAME})
  endif()
endfunction()

# lockstep_one_gpu_test_at_a_time(TEST LABELS...): if gpu is among them.
function(lockstep_one_gpu_test_at_a_time TEST)
  if("gpu" IN_LIST ARGN)
    set_tests_properties(${TEST} PROPERTIES RESOURCE_LOCK gpu)
  endif()
endfunction()

function(lockstep_test NAME)
  cmake_parse_arguments(T "TORCH" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT T_LABELS)
    set(T_LABELS unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  set(torch "")
  if(T_TORCH)
    set(torch TORCH)
  endif()
  set(kind test)
  if("gpu" IN_LIST T_LABELS)
    set(kind gpu_test)
  endif()
  _lockstep_check_names(${NAME} ${kind} ${T_SOURCES})
  _lockstep_test_program(${NAME} ${torch} SOURCES ${T_SOURCES} LINKS ${T_LINKS} MAIN catch_main)
  add_test(NAME ${NAME} COMMAND ${NAME})
  set_tests_properties(${NAME} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "${LOCKSTEP_MPI_ENV}")
  lockstep_one_gpu_test_at_a_time(${NAME} ${T_LABELS})
endfunction()

# A macro: it reads the arguments of lockstep_mpi_test.
macro(_lockstep_ranks PROGRAM TEST RANKS BACKEND)
  add_test(NAME ${TEST} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${RANKS} $<TARGET_FILE:${PROGRAM}>)
  set_tests_properties(${TEST} PROPERTIES LABELS "mpi;${T_LABELS}" TIMEOUT ${T_TIMEOUT} PROCESSORS 2 SKIP_RETURN_CODE 77
    ENVIRONMENT "${LOCKSTEP_MPI_ENV};LOCKSTEP_TEST_RANKS=${RANKS};LOCKSTEP_TEST_BACKEND=${BACKEND}")
  lockstep_one_gpu_test_at_a_time(${TEST} ${T_LABELS})
endmacro()

function(lockstep_mpi_test NAME)
  cmake_parse_arguments(T "TORCH" "TIMEOUT" "SOURCES;LINKS;LABELS;RANKS;SHM;NODES" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  set(torch "")
  if(T_TORCH)
    set(torch TORCH)
  endif()
  _lockstep_check_names(${NAME} mpi_test ${T_SOURCES})
  _lockstep_test_program(${NAME} ${torch} SOURCES ${T_SOURCES} LINKS ${T_LINKS} MAIN mpi_main)
  target_link_libraries(${NAME} PRIVATE MPI::MPI_CXX)
  foreach(ranks IN LISTS T_RANKS)
    _lockstep_ranks(${NAME} ${NAME}_np${ranks} ${ranks} mpi)
  endforeach()
  foreach(ranks IN LISTS T_SHM)
    _lockstep_ranks(${NAME} ${NAME}_shm_np${ranks} ${ranks} shm)
  endforeach()
  foreach(ranks IN LISTS T_NODES)
    _lockstep_ranks(${NAME} ${NAME}_nodes_np${ranks} ${ranks} nodes)
  endforeach()
endfunction()
