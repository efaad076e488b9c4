/** `npm run bench -- WHAT`: the benchmarks of flowlogd. See docs/performance.md for what they say and do not say. */
const USAGE = `Usage: npm run bench -- kernels [NAME...] [--list] [--time MS] [--json]
       npm run bench -- replay [CAPTURE...] [--tools NAME,...] [--packets N] [--runs N] [--json FILE] [--install]
       npm run bench -- live [TOOL...] [--flows N] [--seconds N] [--rate N] [--runs N] [--json FILE] [--install]
       npm run bench -- idle [--seconds N]
       npm run bench -- memory [--minutes N] [--rate N] [--flows N] [--window DURATION]
       npm run bench -- export [--records N] [--compression NAME]
       npm run bench -- store [--records N] [--runs N]
       npm run bench -- search [--records N] [--runs N]
       npm run bench -- gate [--record] [--rounds N] [--time MS]
`;

async function main([what, ...args]: readonly string[]): Promise<void> {
  switch (what) {
    case 'kernels':
      return (await import('./kernels.ts')).runKernels(args);
    case 'replay':
      return (await import('./replay.ts')).runReplayBench(args);
    case 'live':
      return (await import('./live.ts')).runLiveBench(args);
    case 'idle':
      return (await import('./idle.ts')).runIdleBench(args);
    case 'memory':
      return (await import('./memory.ts')).runMemoryBench(args);
    case 'export':
      return (await import('./export.ts')).runExportBench(args);
    case 'store':
      return (await import('./store.ts')).runStoreBench(args);
    case 'search':
      return (await import('./search.ts')).runSearchBench(args);
    case 'gate':
      return (await import('./gate.ts')).runGate(args);
    default:
      process.stderr.write(USAGE);
      process.exitCode = 64;
  }
}

await main(process.argv.slice(2));
