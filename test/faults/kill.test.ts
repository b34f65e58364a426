// kill -9 during writes, a few times on each store; test/long/call-kill.test.ts does it hundreds of times.
import { killSuite } from '../fixtures/kill-suite.ts'

killSuite(10)
