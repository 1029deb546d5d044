#include "apps/sweep/launcher.hpp"

#include "base/error.hpp"
#include "support/catch.hpp"

using namespace lockstep;

namespace {

using Words = std::vector<std::string>;

SweepPoint point() {
  SweepPoint p;
  p.program = "train_ddp";
  p.ranks = 2;
  p.config = "my config.yaml";
  p.sets = {"run.name='x'"};
  return p;
}

}  // namespace

TEST_CASE("A command of its own becomes words") {
  CHECK(launch_command("mpirun -np {ranks} {command}", point(), "/bin", "out") ==
        Words{"mpirun", "-np", "2", "/bin/train_ddp", "--config", "my config.yaml", "--output", "out",
              "--quiet", "--set", "run.name='x'"});
}

TEST_CASE("A command within a word is quoted for a shell") {
  CHECK(
      launch_command("sbatch --wait -n{ranks} -o {output}/slurm.txt --wrap \"srun {command}\"", point(),
                     "/bin", "out") ==
      Words{
          "sbatch", "--wait", "-n2", "-o", "out/slurm.txt", "--wrap",
          "srun /bin/train_ddp --config 'my config.yaml' --output out --quiet --set 'run.name='\\''x'\\'''"});
}

TEST_CASE("A command in quotes stays one word") {
  SweepPoint plain = point();
  plain.config = "c.yaml";
  plain.sets.clear();
  CHECK(launch_command("sh -c \"{command}\"", plain, "/bin", "out") ==
        Words{"sh", "-c", "/bin/train_ddp --config c.yaml --output out --quiet"});
}

TEST_CASE("Words are split as a shell splits them") {
  CHECK(launch_command("a  'b c' d\\ e \"f \\\" g\" '' h\"i j\"'k'", point(), "", "") ==
        Words{"a", "b c", "d e", "f \" g", "", "hi jk"});
  CHECK_THROWS_AS(launch_command("a 'b", point(), "", ""), Error);
  CHECK(shell_line({"a", "b c", "", "d'e"}) == "a 'b c' '' 'd'\\''e'");
}
