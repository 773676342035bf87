"""The list: the columns of ours, its filters, its search; the rest as Django gives it."""
from django.contrib import admin

from .models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ["display_name", "is_active", "email", "username", "role", "last_login", "date_joined"]
    list_filter = ["is_active", "role"]
    search_fields = ["username", "email", "display_name"]
    list_per_page = 50
