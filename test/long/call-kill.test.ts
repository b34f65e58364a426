// kill -9 during writes, 500 times: the gateway is killed at random points under load, half of them on each store.
import { killSuite } from '../fixtures/kill-suite.ts'

killSuite(Number(process.env.KILLS ?? 250))
