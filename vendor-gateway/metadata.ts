import { proofAlgorithms } from './tokens/signature.ts'

/** Protected resource metadata, RFC 9728 section 2. `resource` is the audience that tokens must have. */
export function resourceMetadata({ gatewayUrl, issuer }: { gatewayUrl: string; issuer: string }): object {
  return {
    resource: gatewayUrl,
    resource_name: 'Reach vendor gateway',
    resource_documentation: `${gatewayUrl}/docs/`,
    authorization_servers: [issuer],
    scopes_supported: ['batch'],
    bearer_methods_supported: [],
    authorization_details_types_supported: ['urn:reach:access-request:1'],
    dpop_signing_alg_values_supported: proofAlgorithms,
    dpop_bound_access_tokens_required: true,
    // Ours: a proof with this claim binds the body (docs/decisions/0009-queries.md).
    dpop_proof_claims_supported: ['content_digest'],
  }
}
