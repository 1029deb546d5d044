# cmake/CheckLayers.cmake finds what it is there for. Run by CTest with -DSCRIPT=..., -DWORK=...
function(expect_layers good file line)
  file(REMOVE_RECURSE "${WORK}")
  file(WRITE "${WORK}/${file}" "${line}\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${WORK} -P "${SCRIPT}" RESULT_VARIABLE code ERROR_VARIABLE said)
  if(good AND NOT code EQUAL 0)
    message(SEND_ERROR "refused in ${file}: ${line}\n${said}")
  elseif(NOT good AND NOT said MATCHES "${file}")
    message(SEND_ERROR "not found in ${file}: ${line}")
  endif()
endfunction()

expect_layers(ON lib/train/x.cpp "#include \"data/loader.hpp\"")
expect_layers(OFF lib/data/x.cpp "#include \"train/trainer.hpp\"")
expect_layers(OFF lib/train/x.cpp "#include <hdf5.h>")
expect_layers(OFF lib/tensors/x.cpp "#include <torch/types.h>")
# Readers of archives that can run code, in every folder of the product.
expect_layers(ON lib/train/x.cpp "torch::jit::Stack stack")
foreach(file lib/train/x.cpp lib/data/x.hpp apps/train_seq/x.cpp)
  foreach(line "#include <torch/serialize/input-archive.h>" "#include <torch/serialize.h>" "#  include <torch/script.h>"
          "#include <torch/torch.h>" "#include <torch/csrc/jit/serialization/import.h>" "torch::load(model, path)"
          "auto module = torch::jit::load(path)" "torch::pickle_load(bytes)" "torch::serialize::InputArchive archive")
    expect_layers(OFF ${file} "${line}")
  endforeach()
endforeach()
file(REMOVE_RECURSE "${WORK}")
