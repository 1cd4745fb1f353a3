// Tests run from the built files: worker threads and the `rebek` binary are then exactly what is shipped.
export default {
  files: ['dist/test/**/*.test.js', '!dist/test/slow/**'],
  workerThreads: false,
  concurrency: 2,
  timeout: '10m',
};
