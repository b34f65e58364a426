// Adds up the reports of the test runs named as arguments and prints "N passed, N failed, N skipped".
// A report that is missing, or a file that did not even load, counts as one failure. Exit code 1 if anything failed.
import { existsSync, readFileSync } from 'node:fs'

let [passed, failed, skipped] = [0, 0, 0]
for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    console.log(`${file} is missing: that run ended before its first test.`)
    failed++
    continue
  }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  passed += report.numPassedTests
  failed += report.numFailedTests
  skipped += report.numPendingTests + report.numTodoTests
  for (const suite of report.testResults) {
    const broken = suite.status === 'failed' && !suite.assertionResults.some(isFailure)
    if (broken) {
      console.log(`${suite.name} failed outside its tests: ${suite.message}`)
      failed++
    }
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
if (failed > 0) process.exitCode = 1

function isFailure(test) {
  return test.status === 'failed'
}
