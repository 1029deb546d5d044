# Run by CTest, see CMakeLists.txt beside it.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "exit ${result}: ${ARGN}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# The prefix is moved after the installation: nothing in the package may remember where it was put.
set(prefix "${WORK}/moved")
file(REMOVE_RECURSE "${WORK}")
run(${CMAKE_COMMAND} --install "${BUILD}" --prefix "${WORK}/prefix")
file(RENAME "${WORK}/prefix" "${prefix}")

foreach(program train_seq train_ddp analyze)
  run(${CMAKE_COMMAND} -E env --unset=LD_LIBRARY_PATH "${prefix}/bin/${program}" --version)
  if(NOT output MATCHES "${VERSION}")
    message(FATAL_ERROR "${program} --version does not say ${VERSION}")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S "${CONSUMER}" -B "${WORK}/build" -G "${GENERATOR}" -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_PREFIX_PATH=${prefix} -DPROGRAMS=${PROGRAMS} -DVERSION=${VERSION})
run(${CMAKE_COMMAND} --build "${WORK}/build")
file(GLOB programs "${PROGRAMS}/*.cpp" "${CONSUMER}/*.cpp")
list(FILTER programs EXCLUDE REGEX pytorch_weights)  # it asks for files
file(MAKE_DIRECTORY "${WORK}/runs")  # what some of them write
foreach(program ${programs})
  get_filename_component(name ${program} NAME_WE)
  run(${LAUNCH} "${WORK}/build/${name}" "${WORK}/runs")
endforeach()
run("${prefix}/bin/analyze" validate "${WORK}/runs")
