/** `npm run gateway`: one gateway of several. See docs/operator.md, "Several processes". */
import { startGatewayReplica } from '../gateway-replica.ts'
import { serve } from '../serve.ts'

await serve({
  env: process.env,
  now: Date.now,
  start: startGatewayReplica,
  announce: ({ url }, { gatewayUrl }) => console.log(`A gateway of ${gatewayUrl} listens at ${url}.`),
})
