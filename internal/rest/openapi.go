package rest

import (
	_ "embed" // for the description
	"net/http"

	"github.com/gin-gonic/gin"
)

// description says what every endpoint of every role takes and answers, for
// programs that make clients and pages of it. A test holds it to the routes.
//
//go:embed openapi.yaml
var description []byte

func openAPI(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", description) }
