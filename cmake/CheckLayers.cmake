# Fails when a file includes a header of a layer above its own, a third-party header that another layer owns, or
# anything that reads archives which can run code.
# Run as: cmake -DSOURCE_DIR=... -P CheckLayers.cmake
cmake_minimum_required(VERSION 3.22)
set(may_base base)
set(may_kernels base kernels)
set(may_config base config)
set(may_timing base timing)
set(may_results base timing results)
set(may_tensors base tensors)
set(may_comm base config timing results comm)
set(may_data base config timing results data)
set(may_models base kernels config timing results models)
set(may_parallel base kernels config timing results comm models parallel)
set(may_train base kernels config timing results tensors comm data models parallel train)

# Inside analysis/, from the bottom up: each folder may include those before it.
set(inside "")
foreach(folder quantities metrics runs checks model advice import tables plot render verbs)
  list(APPEND inside analysis/${folder})
  set(may_analysis/${folder} base timing results ${inside})
endforeach()
set(may_analysis/import base analysis/quantities analysis/metrics analysis/runs analysis/import)
set(may_analysis base ${inside})  # main.cpp

set(library base kernels config timing results tensors comm data models parallel train)
set(may_apps ${library} analysis/quantities analysis/runs analysis/model analysis/tables apps)
set(may_benchmarks ${library} ${inside} benchmarks)

# third-party header pattern -> the only layers that may include it
set(owned_patterns "^hdf5" "^yaml-cpp/" "^boost/program_options" "^mpi\\.h" "^nccl" "^zlib\\.h" "^cuda_runtime" "^png\\.h" "^(torch|ATen|c10)/"
  "^nlohmann/")
set(owner_0 results)
set(owner_1 config)
set(owner_2 config)
set(owner_3 comm)
set(owner_4 comm)
set(owner_5 data tensors)
set(owner_6 kernels timing comm)
set(owner_7 train)
set(owner_8 comm data models parallel train apps benchmarks)
set(owner_9 tensors analysis/import analysis/render)

# Readers of archives that hold code, and run it: what comes from outside is read by lib/tensors alone.
set(runs_code "torch::(load|pickle_load)|torch::jit::(_?load|import|unpickle|compile)|InputArchive|include *[<\"]torch/(torch|script|jit|serialize)[./]|include *[<\"]torch/csrc/(jit|api/include/torch/serialize)/")

set(failures "")

# The layer that a path from the root of includes belongs to; the path's first folder, inside analysis/ the first two.
function(layer_of path result)
  string(REGEX MATCH "^(analysis/[a-z_]+/|[a-z_]+/)" folder "${path}")
  string(REGEX REPLACE "/$" "" folder "${folder}")
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files RELATIVE "${SOURCE_DIR}" "${SOURCE_DIR}/lib/*.?pp" "${SOURCE_DIR}/lib/*.cu*" "${SOURCE_DIR}/analysis/*.?pp"
  "${SOURCE_DIR}/apps/*.?pp" "${SOURCE_DIR}/benchmarks/*.?pp")
foreach(file IN LISTS files)
  string(REGEX REPLACE "^lib/" "" place "${file}")
  layer_of("${place}" layer)
  if(NOT DEFINED may_${layer})
    string(APPEND failures "  ${file}: cmake/CheckLayers.cmake does not say what the folder '${layer}' may include\n")
    continue()
  endif()
  file(STRINGS "${SOURCE_DIR}/${file}" includes REGEX "^ *# *include ")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^ *# *include *[<\"]([^>\"]+)[>\"].*" "\\1" header "${line}")
    layer_of("${header}" from)
    if(DEFINED may_${from} AND NOT from IN_LIST may_${layer})
      string(APPEND failures "  ${file}: layer '${layer}' may not include '${header}'\n")
    endif()
    set(i 0)
    foreach(pattern IN LISTS owned_patterns)
      if(header MATCHES "${pattern}" AND NOT layer IN_LIST owner_${i})
        string(APPEND failures "  ${file}: '${header}' belongs to ${owner_${i}}, not to '${layer}'\n")
      endif()
      math(EXPR i "${i} + 1")
    endforeach()
  endforeach()
  file(STRINGS "${SOURCE_DIR}/${file}" lines REGEX "${runs_code}")
  foreach(line IN LISTS lines)
    string(APPEND failures "  ${file}: '${line}' reads what can run code; use lib/tensors\n")
  endforeach()
endforeach()
if(failures)
  message(FATAL_ERROR "includes that are not allowed:\n${failures}")
endif()
