"""The processes and machines of a run: how many there are, which of them this is, and how their launcher is called."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from stages.core.errors import UserError
from stages.params.training_sections import Recipe

PORT = 29500
"""Where the processes of several machines find each other, if no variable says otherwise; torchrun's own default."""
COUNTS = ("PET_NNODES", "NNODES", "SLURM_STEP_NUM_NODES", "SLURM_NNODES")
RANKS = ("PET_NODE_RANK", "NODE_RANK", "SLURM_NODEID")
ADDRESSES = ("PET_MASTER_ADDR", "MASTER_ADDR", "SLURM_LAUNCH_NODE_IPADDR")
PORTS = ("PET_MASTER_PORT", "MASTER_PORT")
"""Environment variables of torchrun and the Kubernetes training operator (PET_), of common launchers, and of Slurm,
best first (https://docs.pytorch.org/docs/stable/elastic/run.html, https://slurm.schedmd.com/srun.html)."""


class Machine(NamedTuple):
    """This machine among those that train together."""

    rank: int = 0
    """0 writes the result; the others lend their processors."""
    address: str = ""
    """Of machine 0."""
    port: int = PORT


def per_machine(recipe: Recipe) -> int:
    """Processes of a machine: one a GPU, on a CPU as many as `processes` says."""
    return recipe.devices or recipe.processes


def in_all(recipe: Recipe) -> int:
    """Processes of all machines."""
    return per_machine(recipe) * recipe.nodes


def with_own_rows(recipe: Recipe) -> int:
    """Processes with rows of their own: all of them, or one in each group that shares its sequences."""
    return max(in_all(recipe) // recipe.context_parallel, 1)


def check_launcher(recipe: Recipe) -> None:
    """Check that the launcher can start what the recipe asks for. Raises UserError where it can't."""
    launcher = f"params.yaml: train.settings.launcher {recipe.launcher}"
    if recipe.devices and recipe.processes > 1:
        raise UserError("params.yaml: train.settings.processes is for CPUs; on GPUs there is one for each of `devices`")
    if recipe.launcher == "python" and recipe.nodes > 1:
        raise UserError(f"{launcher} trains on one machine; use torchrun, accelerate or ray for several nodes")
    if recipe.launcher == "python" and in_all(recipe) > 1:
        kind = "device" if recipe.devices else "process"
        several = "accelerate, torchrun or ray" if recipe.devices else "torchrun"
        raise UserError(f"{launcher} drives one {kind}; use {several} for several")
    if recipe.launcher == "accelerate" and not recipe.devices and in_all(recipe) > 1:
        raise UserError(f"{launcher} starts several processes on GPUs alone; use torchrun on CPUs")
    if recipe.launcher == "ray" and not recipe.devices:
        raise UserError(f"{launcher} needs GPUs, since Axolotl gives every worker one; set devices, or use torchrun")


def this_machine(recipe: Recipe, environment: Mapping[str, str]) -> Machine:
    """The machine that this is, by the variables of what started seqit on each of them.

    Raises UserError where there are to be several and the variables say otherwise, or nothing.
    """
    if recipe.nodes == 1 or recipe.launcher in ("ray", "render"):
        return Machine()
    count, rank = _number(COUNTS, environment, recipe.nodes), _number(RANKS, environment, None)
    address = _first(ADDRESSES, environment)[1]
    if count != recipe.nodes:
        name = _first(COUNTS, environment)[0]
        raise UserError(f"params.yaml: train.settings.nodes is {recipe.nodes}, but {name} is {count}; make them equal")
    if rank is None or not address:
        missing = (*(() if address else ADDRESSES[:2]), *(RANKS[:2] if rank is None else ()))
        raise UserError(
            f"params.yaml: train.settings.nodes is {recipe.nodes}, but the environment does not say which machine this "
            f"is: start `seqit train` with srun, or set {' or '.join(missing)} on each"
        )
    if not 0 <= rank < recipe.nodes:
        raise UserError(f"{_first(RANKS, environment)[0]} is {rank}; the last of {recipe.nodes} is {recipe.nodes - 1}")
    return Machine(rank, address, _number(PORTS, environment, PORT) or PORT)


def _first(names: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, str]:
    return next(((name, environment[name]) for name in names if environment.get(name)), (names[0], ""))


def _number(names: tuple[str, ...], environment: Mapping[str, str], default: int | None) -> int | None:
    name, text = _first(names, environment)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UserError(f"{name} is {text[:40]!r}, but must be a whole number")
    return int(text)


def launcher_arguments(recipe: Recipe, machine: Machine) -> list[str]:
    """The arguments of `axolotl train` that choose the launcher, and after `--` those of the launcher itself."""
    if recipe.launcher == "torchrun":
        several = ["--nproc_per_node", str(per_machine(recipe)), *_torchrun(recipe, machine)]
    elif recipe.launcher == "accelerate":
        several = ["--num_processes", str(in_all(recipe)), *_accelerate(recipe, machine)]
    else:
        return ["--launcher", "python"]  # of Ray too, which Axolotl starts by the configuration's `use_ray`
    return ["--launcher", recipe.launcher, "--", *several]


def _torchrun(recipe: Recipe, machine: Machine) -> list[str]:
    if recipe.nodes == 1:
        return ["--standalone"]  # a free port, so that two runs don't meet
    several = ["--nnodes", str(recipe.nodes), "--node_rank", str(machine.rank)]
    return [*several, "--master_addr", machine.address, "--master_port", str(machine.port)]


def _accelerate(recipe: Recipe, machine: Machine) -> list[str]:
    several = ["--multi_gpu"] if in_all(recipe) > 1 else []
    if recipe.nodes == 1:
        return several
    place = ["--num_machines", str(recipe.nodes), "--machine_rank", str(machine.rank)]
    return [*several, *place, "--main_process_ip", machine.address, "--main_process_port", str(machine.port)]


def ray_options(recipe: Recipe) -> dict[str, Any]:
    """The keys of Axolotl that train with Ray Train; none for another launcher."""
    if recipe.launcher != "ray":
        return {}
    return {"use_ray": True, "ray_num_workers": in_all(recipe), "resources_per_worker": {"GPU": 1}}


def placed(recipe: Recipe, config: dict[str, Any], folder: str) -> dict[str, Any]:
    """The configuration with the paths of a run's folder made absolute for Ray, whose workers run elsewhere."""
    if recipe.launcher != "ray":
        return config
    sources = [{**source, "path": f"{folder}/{source['path']}"} for source in config["datasets"]]
    return {**config, "datasets": sources, **{name: f"{folder}/{config[name]}" for name in _FOLDERS if name in config}}


_FOLDERS = ("dataset_prepared_path", "output_dir")


def filled_up(recipe: Recipe, rows: int) -> int:
    """Rows at the start of an epoch that are used again at its end, so that every process has as many; 0 with one."""
    several = with_own_rows(recipe)
    return -rows % (recipe.micro_batch * several) if several > 1 and not recipe.packing else 0
