// The reference of the service: Swagger UI over its own description, and nothing from elsewhere.

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false, // a key is forgotten with the page
  validatorUrl: null, // would be asked over the network
});
