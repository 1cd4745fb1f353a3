export default {
  files: ['dist/test/slow/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  timeout: '60m',
};
