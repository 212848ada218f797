# Names, not logic: each target is one script or one command.

.PHONY: demo demo-stop test bench load peers growth damage swaps cold-swap lists interface freshness histories room kills faults power fuzz

demo:       ## build, compile a sample register of 100,000 certificates, serve it on 127.0.0.1:8080
	@deploy/demo.sh start

demo-stop:  ## end the server that `make demo` started
	@deploy/demo.sh stop

test:       ## everything; installs the tools it needs
	@tests/all.sh

bench:      ## criterion benches; the questions stand in docs/performance.md
	@cargo bench -p certq

load:       ## capacity and latency of a server with 1,000,000 certificates, every answer judged
	@loadtest/measure.sh

peers:      ## our server, a floor and six peers on one core; figures, and pictures in docs/images
	@loadtest/peers.sh --all

growth:     ## building, memory, bytes, starts, swaps and look-ups from 10^5 to 10^7; docs/images/growth.svg
	@loadtest/growth.sh

damage:     ## 10,000 bit flips and 1,000 truncations over every blob, manifest and channel entry
	@CERTQ_FLIPS=10000 cargo nextest run -p snapshot --cargo-profile release -E 'test(damage)'

swaps:      ## 1,000 swaps at half of the server's capacity, every answer judged; how late they come
	@CERTQ_SWAPS=1000 cargo nextest run -p certq --cargo-profile release --no-capture -E 'test(swaps_under_load)'

cold-swap:  ## a new base that lies in no memory, under load: who waits; without prefault it must fail
	@loadtest/cold-swap.sh

lists:      ## 100,000 rows in each form; how late single look-ups are while four lists are answered
	@loadtest/lists.sh

interface:  ## 10,000 generated requests; answered lists opened by openpyxl and LibreOffice
	@tests/interface.sh

freshness:  ## how long a delivered batch takes until the server answers from it
	@loadtest/freshness.sh

histories:  ## 200 random histories: layers against a register compiled from the whole ledger
	@CERTQ_HISTORIES=200 cargo nextest run -p index-builder --cargo-profile release -E 'test(layers_answer)' --no-capture

room:       ## 30 swaps of whole bases in a memory control group, then too little memory; needs root
	@CERTQ_MEMORY_GROUPS=$${CERTQ_MEMORY_GROUPS:-/sys/fs/cgroup/memory} cargo nextest run -p certq \
	    --cargo-profile release --no-capture --run-ignored only -E 'test(room)'

kills:      ## the builder killed at every system call, again while it recovers, and at any time
	@CERTQ_KILLS=3000 cargo nextest run -p index-builder --cargo-profile release \
	    --success-output final -E 'binary(faults) & test(kills)'

faults:     ## 1,000 refused system calls, 300 short writes, 100 races of two publishers, wrong clocks
	@CERTQ_FAULTS=1000 CERTQ_RACES=100 cargo nextest run -p index-builder --cargo-profile release \
	    --success-output final -E 'binary(faults) & test(/^(errors|short_writes|races|clock)/)'

power:      ## 600 disks whose power went, and three planted bugs that must be noticed; needs root
	@CERTQ_POWER_IMAGES=600 cargo nextest run -p index-builder --cargo-profile release \
	    --success-output final -E 'binary(faults) & test(power)'

fuzz:       ## every fuzz target for FUZZ_SECONDS (60) each; a crash is left in fuzz/artifacts
	@fuzz/run.sh
