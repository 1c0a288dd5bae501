// Package project holds a project as a value: its name, settings, pipelines, hooks, dataset types, functions and
// runners. Two projects can live in one process, because nothing here is global.
//
// A project comes from two sources that may be mixed. Go code declares one with [New]:
//
//	proj := project.New("spaceflights",
//		project.WithPipeline("data_processing", dataprocessing.Pipeline),
//		project.WithPipeline("data_science", datascience.Pipeline),
//		project.WithHooks(hooks.Timing{}),
//	)
//
// and [Load] reads a folder: kedge.yml with the settings (see [Settings]), and pipelines/*.yml with pipelines that need
// no compiler. Mistakes in these files are reported all at once, with file, line, node, field, what was expected and
// the nearest right names.
//
// # Pipelines in YAML
//
// pipelines/cleaning.yml is the pipeline "cleaning". It has the words of Kedro's node() and pipeline():
//
//	nodes:
//	  - name: clean_orders
//	    command: [python3, scripts/clean.py, "{inputs.orders}", "{outputs.clean}"]
//	    inputs: {orders: orders, cleaning: "params:cleaning"}
//	    outputs: {clean: clean_orders}
//	    tags: [daily]
//	  - func: score                # a Go function registered with WithFunc
//	    inputs: [clean_orders, "params:score"]
//	    outputs: scores
//	  - pipeline: _summary         # another pipeline, used again
//	    namespace: europe
//	    inputs: {table: clean_orders}
//
// A node has "command" or "func", "inputs" and "outputs" (a name, a list, or a mapping of argument to name), and may have
// "name", "tags", "confirms" and "namespace". A "pipeline" element takes "inputs", "outputs", "parameters", "tags",
// "namespace" and "prefix_datasets_with_namespace" as Kedro's pipeline() does; so does the file itself beside "nodes",
// for all of its nodes. A file whose name starts with "_" is a template: other files may use it, but it is no
// pipeline of the project and no part of "__default__", which is the sum of all others.
//
// # Command nodes
//
// A command is any program. It finds its inputs as files, writes its outputs to the paths that it is given, and reads its
// parameters from standard input as one JSON object. It runs in the project's folder.
//
// Written as a list of words it runs without a shell; written as text it is a script for "sh -e". In both,
// {inputs.NAME} and {outputs.NAME} stand for paths and {params.NAME} for a parameter, where NAME is the argument's name in
// a mapping, else the dataset's (a parameter's without "params:"), and {params.NAME.key} reaches into it. Other braces
// are left alone. A placeholder is always data and exactly one word, quoted or not: in a script it becomes a quoted
// environment variable, never a part of the script. A text parameter that starts with "-" is refused where a program
// would take it for an option; --limit={params.limit} and a "--" before it are fine.
//
// Files: an input whose dataset keeps a file is that file, the right version of it, or a copy of one that lies in an object
// store; the command must not change
// it. An output is written to a temporary place beside the dataset's file, under the same name, and moved (or uploaded) into
// place (the run's version, when it is versioned) only when the command has ended with status 0 and has written all
// outputs. Anything else, such as a dataset in memory, gets a temporary file in a format of "formats": csv, excel, json (the
// default), parquet, text or yaml.
//
//	formats: {rejected: csv}
//
// Environment: KEDGE_RUN_ID, KEDGE_NODE, KEDGE_INPUT_name, KEDGE_OUTPUT_name, KEDGE_PARAM_name for the parameters that the
// command mentions, what "env" of the node sets, and of the worker's own environment only what is harmless or listed
// in command_env of kedge.yml.
//
// What it writes to standard output and error becomes log lines of the run; the end of standard error is part of the
// error when it fails ([CommandError]). It runs in a process group of its own: when the run is cancelled the
// group gets SIGTERM, and SIGKILL after command_grace; when it ends, nothing of the group stays behind.
package project
